import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rejectCodes } from '@quantbot/infra';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import {
  hasBrowser,
  inBrowser,
  openPage,
  type Page,
  sampledInBrowser,
  violationsOf,
} from '@quantbot/tooling-testing/browser';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { servedBy, startServing } from '../support/http.js';

/**
 * A bus with a chain of three artifacts, a canonical table whose columns have changed, and a
 * rejected job.
 */
async function busToLookAt() {
  const charts = [{ title: 'Numbers', sql: 'SELECT n, n * n FROM canon.numbers ORDER BY n' }];
  const bus = makeTestBus({ http: { charts }, limits: { max_columns: 3 } });
  const serving = await startServing(bus);
  const make = async (runId: string, inputs: string[], select: string) => {
    const meta = { why: `the ${runId} one` };
    await (
      await submit(bus, { runId, jobId: `job-${runId}`, inputs, select, schemaHint: 'canon.numbers', meta })
    ).settled();
    return `${runId}/tests/numbers/numbers`;
  };
  const first = await make('first', [], numbers(3));
  const second = await make('second', [first, 'elsewhere/no/such/artifact'], numbers(5, ", 'x' AS label"));
  await make('third', [second], numbers(7));
  await submit(bus, { runId: 'wide', jobId: 'wide', select: numbers(1, ', 1 AS a, 2 AS b, 3 AS c') });
  await serving.daemon.logged('rejected');
  return { bus, ...serving };
}

/** Generous, because the machine may be busy. */
const patience = { timeout: 120_000 };

const heading = (page: Page) => page.getByRole('heading', { level: 1 });

inBrowser(
  'a job that is submitted appears without reload, and so do its chart, its export and its counts',
  async () => {
    const { bus, url } = await busToLookAt();
    const { page, problems } = await openPage();
    await page.goto(url);
    const recent = page.getByRole('region', { name: 'Recent jobs' });
    await recent.getByRole('link', { name: 'job-third' }).waitFor();
    await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
    await (
      await submit(bus, { runId: 'new', jobId: 'job-new', schemaHint: 'canon.numbers', select: numbers(50) })
    ).settled();
    await recent.getByRole('link', { name: 'job-new' }).waitFor();
    await page.getByText('seq 5,').waitFor();
    await page.getByRole('img', { name: /^Numbers: 2,401/ }).waitFor();
    await page.getByRole('img', { name: /^Jobs per second: settled [\d.]+/ }).waitFor();
    await page.getByRole('link', { name: 'Exports' }).click();
    await page.getByRole('row', { name: /numbers fresh .* 65 5 / }).waitFor();
    expect(await page.evaluate(() => (globalThis as { notReloaded?: boolean }).notReloaded)).toBe(true);
    expect(problems).toEqual([]);
  },
);

inBrowser('a rejected job says why and what to do, and can be retried once the cause is gone', async () => {
  const { bus, daemon } = await busToLookAt();
  await daemon.stop();
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2, limits: { max_columns: 10 } }));
  const { url } = await startServing(bus);
  const { page, problems } = await openPage();
  await page.goto(url);
  await page.getByRole('region', { name: 'Rejected jobs' }).getByRole('link', { name: 'tests/numbers' }).click();
  await page.locator('.problem').getByText('TOO_LARGE').waitFor();
  await page.locator('.problem').getByText(rejectCodes.TOO_LARGE).waitFor();
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByText('ingested', { exact: true }).waitFor();
  expect(problems).toEqual([]);
});

inBrowser('a retried job that is rejected again can be retried again, and its old message is gone', async () => {
  const { url } = await busToLookAt();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/jobs/wide`);
  await page.getByRole('button', { name: 'Retry' }).waitFor();
  const ask = async () => (await fetch(`${url}/api/v1/jobs/wide`)).json() as Promise<{ state: string; at: string }>;
  const before = await ask();
  // The page receives only the second rejection's event, as when both changes arrive at once.
  const settled = new Promise<void>(resolve => {
    void expect
      .poll(ask, patience)
      .toSatisfy(({ state, at }) => state === 'rejected' && at !== before.at)
      .then(resolve);
  });
  await page.route('**/api/v1/jobs/wide', async route => {
    await settled;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Retry' }).click();
  await settled;
  await page.getByRole('button', { name: 'Retry' }).waitFor();
  expect(await page.getByText('It is in the inbox again.').count()).toBe(0);
  expect(problems).toEqual([]);
});

inBrowser(
  'an answer that is cut while it comes leaves the page as it was, and shows once when it is asked again',
  async () => {
    const { bus, url } = await busToLookAt();
    const { page, problems } = await openPage();
    await page.addInitScript(() => {
      const { fetch } = globalThis;
      const cut = async (response: Response) => {
        const text = await response.text();
        const start = (controller: ReadableStreamDefaultController) => {
          controller.enqueue(new TextEncoder().encode(text.slice(0, -2)));
          controller.error(new TypeError('terminated'));
        };
        return new Response(new ReadableStream({ start }), response);
      };
      globalThis.fetch = async (input, init) => {
        const response = await fetch(input, init);
        return (globalThis as { isCut?: boolean }).isCut ? cut(response) : response;
      };
    });
    await page.goto(`${url}/#/jobs`);
    const jobs = () => page.locator('main td:last-child a').allTextContents();
    const four = ['wide', 'job-third', 'job-second', 'job-first'];
    await expect.poll(jobs, patience).toEqual(four);
    const setCut = (isCut: boolean) => page.evaluate(value => Object.assign(globalThis, { isCut: value }), isCut);
    await setCut(true);
    await (await submit(bus, { runId: 'new', jobId: 'job-new', select: numbers(1) })).settled();
    await page.getByText('The daemon does not answer').first().waitFor();
    expect(await jobs()).toEqual(four);
    expect(await heading(page).allTextContents()).toEqual(['Jobs']);
    await setCut(false);
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByRole('link', { name: 'Jobs' }).click();
    await expect.poll(jobs, patience).toEqual(['job-new', ...four]);
    expect(await heading(page).allTextContents()).toEqual(['Jobs']);
    expect(problems).toEqual([]);
  },
);

sampledInBrowser('lineage can be walked, by keyboard too, from an artifact to its run and its job', async () => {
  const { url } = await busToLookAt();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/artifacts/${encodeURIComponent('second/tests/numbers/numbers')}`);
  await page.getByText('the second one').waitFor();
  const lineage = page.getByRole('region', { name: 'Lineage' });
  await expect.poll(() => lineage.locator('.node').count(), patience).toBe(4);
  expect(await lineage.locator('.edge').count()).toBe(3);
  expect(await lineage.getByRole('link').count()).toBe(2); // no link to itself or to an unknown artifact
  await lineage.getByRole('link', { name: /first/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('the first one').waitFor();
  await page.getByRole('region', { name: 'First rows' }).getByRole('cell', { name: '2' }).waitFor();
  await page.getByRole('link', { name: 'job-first' }).click();
  await expect.poll(() => heading(page).textContent(), patience).toBe('Job job-first');
  await page.getByRole('link', { name: 'first', exact: true }).click();
  await expect.poll(() => heading(page).textContent(), patience).toBe('Run first');
  await page.goBack();
  await expect.poll(() => heading(page).textContent(), patience).toBe('Job job-first');
  expect(problems).toEqual([]);
});

sampledInBrowser('a table shows its columns, how they came to be, and its rows', async () => {
  const { url } = await busToLookAt();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/tables`);
  await page.getByRole('link', { name: 'canon.numbers' }).click();
  const history = page.getByRole('region', { name: 'History of the columns' });
  await history.getByRole('row', { name: /2 label new VARCHAR second\/tests/ }).waitFor();
  await page.getByRole('region', { name: 'Rows of canon.numbers' }).getByRole('row').nth(15).waitFor();
  await page.getByRole('link', { name: 'As SQL' }).click();
  await page.getByRole('region', { name: 'Answer' }).first().waitFor();
  expect(problems).toEqual([]);
});

const looks = [
  ['in light', { colorScheme: 'light' as const }],
  ['in dark, on a telephone', { colorScheme: 'dark' as const, viewport: { width: 400, height: 800 } }],
] as const;

test.skipIf(!hasBrowser).each(sampleOf(looks, 1))(
  'every page is as it should be for everybody: %s',
  { tags: ['campaign'] },
  async (_what, options) => {
    const { url } = await busToLookAt();
    const { page, problems } = await openPage(options);
    const places = [
      ['', 'Recent jobs'],
      ['jobs', 'tests/numbers'],
      ['jobs/wide', 'TOO_LARGE'],
      ['runs', 'second'],
      ['runs/second', 'tests/numbers'],
      ['artifacts', 'numbers'],
      [`artifacts/${encodeURIComponent('second/tests/numbers/numbers')}`, 'First rows'],
      ['tables', 'canon.numbers'],
      ['tables/numbers', 'Some rows'],
      ['exports', 'fresh'],
      ['space', 'Canonical tables'],
      ['query/SELECT%201%20AS%20one', 'Answer'],
      ['nowhere', 'There is no such page'],
    ];
    for (const [place, text] of places) {
      await page.goto(`${url}/#/${place}`);
      await page
        .locator('main')
        .getByText(text ?? '')
        .first()
        .waitFor();
      await expect.poll(() => page.getByText('Loading…').count(), patience).toBe(0);
      expect(await violationsOf(page), place).toEqual([]);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect(overflow, `${place} is wider than the screen`).toBeLessThanOrEqual(0);
    }
    expect(problems).toEqual([]);
  },
);

sampledInBrowser('with a token the page asks for it once', async () => {
  const bus = makeTestBus({ http: { token_file: 'token' } });
  writeFileSync(join(bus.folder, 'token'), 'a-token-of-a-test-0123456789');
  const { url } = await startServing(bus);
  const { page } = await openPage();
  await page.goto(url);
  const field = page.getByLabel(/Token/);
  await field.fill('not this one, I fear');
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByRole('alert').getByText('HTTP_UNAUTHORIZED').waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await field.fill('a-token-of-a-test-0123456789');
  await page.getByRole('button', { name: 'Enter' }).click();
  await expect.poll(() => heading(page).textContent(), patience).toBe('Overview');
  await page.reload();
  await expect.poll(() => heading(page).textContent(), patience).toBe('Overview');
});

sampledInBrowser('a daemon that is gone is told, and found again by itself when it is back', async () => {
  const bus = makeTestBus();
  const first = await servedBy(await spawnDaemon(bus, { args: ['--http', '127.0.0.1:0'] }));
  const { port } = new URL(first.url);
  const { page } = await openPage();
  await page.goto(first.url);
  await page.locator('.state.running').waitFor();
  await first.daemon.stop('SIGKILL');
  await page.getByRole('status').getByText('The daemon does not answer').waitFor();
  writeToInbox(bus, { jobId: 'meanwhile', manifest: '{' });
  await startServing(bus, `127.0.0.1:${port}`);
  await page.locator('.state.running').waitFor();
  await page.getByRole('region', { name: 'Recent jobs' }).getByRole('link', { name: 'meanwhile' }).first().waitFor();
});
