import { openCatalog } from '@quantbot/storage';
import { openPage, type Page, sampledInBrowser, violationsOf } from '@quantbot/tooling-testing/browser';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { startServing } from '../support/http.js';
import { tokenFor } from '../support/http-producer.js';

const patience = { timeout: 120_000 };
const key = 'r1/tests/numbers/numbers';

/** A bus with an artifact of a table, and two jobs that do not fit it. */
async function busToOperate(settings: Record<string, unknown> = {}) {
  const bus = makeTestBus(settings);
  const serving = await startServing(bus);
  await (await submit(bus, { runId: 'r1', jobId: 'good', schemaHint: 'canon.numbers' })).settled();
  for (const jobId of ['bad-1', 'bad-2'])
    await (await submit(bus, { jobId, schemaHint: 'canon.numbers', select: "SELECT 'x' AS n" }))
      .settled()
      .catch(() => {});
  return { bus, ...serving };
}

/** A page of somebody who may operate. */
async function operator(bus: TestBus, url: string) {
  const token = await tokenFor(bus, 'on-call', '--read', '--operate');
  const opened = await openPage();
  const { page, problems } = opened;
  await page.goto(url);
  await page.getByLabel(/Token/).fill(token);
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  problems.length = 0; // the browser reports the answer that asked for the token
  return opened;
}

async function act(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('button', { name: 'Yes', exact: true }).click();
}

sampledInBrowser('who may operate sets aliases, keeps, drops and restores, and the journal has it all', async () => {
  const { bus, url } = await busToOperate();
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const { page, problems } = await operator(bus, url);
  await page.goto(`${url}/#/artifacts/${encodeURIComponent(key)}`);
  await page.getByLabel('Alias').fill('prod');
  await page.getByRole('button', { name: 'Set the alias' }).click();
  await page.getByRole('button', { name: 'No', exact: true }).click();
  expect(await catalog.aliases()).toEqual([]);
  await act(page, 'Set the alias');
  await page.getByText('tests/numbers@prod names it.').waitFor();
  await act(page, 'Keep');
  await page.getByRole('button', { name: 'Remove the keep mark' }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  expect(await catalog.aliases()).toMatchObject([{ alias: 'prod', key }]);
  const kept = await catalog.query('SELECT artifact_key, requested_by FROM catalog.keeps_v');
  expect(kept).toEqual([{ artifact_key: key, requested_by: 'dashboard (token on-call)' }]);
  await page.goto(`${url}/#/tables/numbers`);
  await act(page, 'Run its export');
  await page.getByText('The export ran.').waitFor();
  await act(page, 'Drop the table');
  await page.getByText('There is no such table').waitFor();
  await act(page, 'Restore a dropped table');
  await expect.poll(async () => (await catalog.query('FROM catalog.tables_d')).length, patience).toBe(1);
  await page.getByText('Rows in the table').waitFor();
  // The artifact and the operations are the jobs that the list and SQL call ingested.
  const [ingested] = await catalog.query("SELECT count(*) AS n FROM catalog.jobs_f WHERE status = 'ingested'");
  await page.goto(`${url}/#/`);
  const tile = page.locator('a[href="#/jobs?status=ingested"]');
  await expect.poll(() => tile.textContent(), patience).toBe(String(ingested?.n));
  // A page may ask for the rows of a table just when it goes.
  expect(problems.filter(problem => !/status of 40[04]/.test(problem))).toEqual([]);
});

sampledInBrowser(
  'all rejected jobs that match are retried, and without a token the page says what it needs',
  async () => {
    const { daemon, url } = await busToOperate();
    const { page, problems } = await openPage();
    await page.goto(`${url}/#/jobs?code=SCHEMA_MISMATCH`);
    await page.getByRole('button', { name: 'Retry or dismiss all that match…' }).click();
    const before = daemon.log().filter(({ msg }) => msg.startsWith('rejected')).length;
    await act(page, 'Retry 2 rejected jobs');
    await page.getByText('2 rejected jobs went back into the inbox.').waitFor();
    await expect
      .poll(() => daemon.log().filter(({ msg }) => msg.startsWith('rejected')).length, patience)
      .toBe(before + 2);
    expect(problems).toEqual([]);
    await page.goto(`${url}/#/artifacts/${encodeURIComponent(key)}`);
    await act(page, 'Keep');
    await page.getByText(/token create me --read --operate/).waitFor();
  },
);

sampledInBrowser('before an artifact is forgotten, the page says what goes; what is protected stays', async () => {
  const charts = [
    { title: 'Numbers of nothing', sql: 'SELECT nothing FROM canon.numbers' },
    { title: 'Numbers to come', sql: 'SELECT n, n FROM canon.later' },
  ];
  const { bus, url } = await busToOperate({ http: { charts } });
  const newest = { runId: 'r2', jobId: 'newer', schemaHint: 'canon.numbers', select: 'SELECT 5::BIGINT AS n' };
  await (await submit(bus, newest)).settled();
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const { page, problems } = await operator(bus, url);
  await page.goto(`${url}/#/artifacts/${encodeURIComponent('r2/tests/numbers/numbers')}`);
  await page.getByRole('button', { name: 'Forget', exact: true }).click();
  await page.getByText(/It is protected: .*newest/).waitFor();
  await page.getByRole('button', { name: 'Yes', exact: true }).click();
  await page.getByRole('alert').getByText('OPERATION_INVALID').waitFor();
  await page.goto(`${url}/#/artifacts/${encodeURIComponent(key)}`);
  await page.getByRole('button', { name: 'Forget', exact: true }).click();
  await page.getByText(/go for ever.*Its rows stay in its table/).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  expect(await catalog.query('FROM catalog.forgotten_f')).toEqual([]);
  await page.getByRole('button', { name: 'Yes', exact: true }).click();
  await expect
    .poll(
      async () => (await catalog.query('SELECT artifact_key, requested_by FROM catalog.forgotten_f')).at(0),
      patience,
    )
    .toEqual({ artifact_key: key, requested_by: 'dashboard (token on-call)' });
  await page.getByText(/^Forgotten .*: its bytes go/).waitFor();
  expect(await page.getByRole('button', { name: 'Keep' }).or(page.getByText('First rows')).count()).toBe(0);
  await page.goto(`${url}/#/`);
  const chart = page.locator('.own-chart', { hasText: 'Numbers of nothing' });
  await chart.getByRole('alert').getByText('QUERY_FAILED').waitFor();
  const later = page.locator('.own-chart', { hasText: 'Numbers to come' });
  await later.getByText(/This chart has no data yet/).waitFor();
  expect(await later.getByRole('alert').count()).toBe(0);
  const first = {
    runId: 'r3',
    jobId: 'first',
    kind: 'later',
    schemaHint: 'canon.later',
    select: 'SELECT 7::BIGINT AS n',
  };
  await (await submit(bus, first)).settled();
  await page.getByRole('img', { name: /^Numbers to come: 7/ }).waitFor();
  expect(problems.filter(problem => !/status of 40[04]/.test(problem))).toEqual([]);
});

sampledInBrowser('a rejected job is dismissed with a note, which the pages show', async () => {
  const { bus, url } = await busToOperate();
  const { page, problems } = await operator(bus, url);
  await page.goto(`${url}/#/jobs/bad-1`);
  await page.getByText('Why it was rejected').waitFor();
  expect(await page.locator('.problem').getByText('expected BIGINT').count()).toBe(1);
  await page
    .locator('.problem')
    .getByText(/^in pandas, df\["n"\] = /)
    .waitFor();
  expect(await page.getByRole('button', { name: 'Dismiss this job' }).isDisabled()).toBe(true);
  await page.getByLabel('Note').fill('a wrong column');
  await act(page, 'Dismiss this job');
  await page.getByText(/Dismissed .* by dashboard \(token on-call\): a wrong column/).waitFor();
  await page.getByRole('button', { name: 'Retry', exact: true }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.goto(`${url}/#/jobs?status=rejected`);
  await page.getByRole('link', { name: 'tests/numbers' }).waitFor();
  expect(await page.getByRole('link', { name: 'tests/numbers' }).count()).toBe(1);
  await page.getByRole('button', { name: 'Retry or dismiss all that match…' }).click();
  await page.getByLabel('Note').fill('the other one');
  await act(page, 'Dismiss 1 rejected job');
  await page.goto(`${url}/#/jobs?status=dismissed`);
  await page.getByText('a wrong column').waitFor();
  await page.getByText('the other one').waitFor();
  await page.goto(`${url}/#/`);
  const tile = (name: string) => page.locator('dl.facts > div', { has: page.getByText(name, { exact: true }) });
  await expect.poll(() => tile('Dismissed').textContent(), patience).toMatch(/2$/);
  expect(await tile('Rejected').textContent()).toMatch(/0$/);
  expect(problems).toEqual([]);
});
