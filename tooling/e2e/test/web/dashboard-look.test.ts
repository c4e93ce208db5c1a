import { readFileSync } from 'node:fs';
import { openPage, type Page, sampledInBrowser, violationsOf } from '@quantbot/tooling-testing/browser';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { startServing } from '../support/http.js';

const select = `SELECT n, nullif(n, 2) AS half, TIMESTAMP '2026-01-02 03:04:05' AS at, 'it''s' AS word
  FROM range(4) t(n)`;

async function downloaded(page: Page, name: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(name).first().click()]);
  return readFileSync(await download.path());
}

sampledInBrowser('an artifact can be read, profiled and kept as a file, and so can a table', async () => {
  const bus = makeTestBus();
  const { url } = await startServing(bus);
  const submission = await submit(bus, { runId: 'r1', schemaHint: 'canon.numbers', select });
  const { artifacts } = await submission.settled();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/artifacts/${encodeURIComponent('r1/tests/numbers/numbers')}`);
  const path = artifacts[0]?.canonical_path ?? 'none';
  await page.getByText(`readParquet("${path}")`).waitFor();
  await page.getByRole('button', { name: 'Profile' }).click();
  await page.getByRole('row', { name: 'half BIGINT 25 % 3 0 3 1.333' }).waitFor();
  const half = page.getByRole('row', { name: 'half BIGINT' }).getByRole('img');
  expect(await half.getAttribute('aria-label')).toBe('Values in each tenth: 1; 0; 0; 1; 0; 0; 0; 0; 0; 1');
  const at = page.getByRole('row', { name: 'at TIMESTAMP' }).getByRole('img');
  expect(await at.getAttribute('aria-label')).toBe('Values in each tenth: 4; 0; 0; 0; 0; 0; 0; 0; 0; 0');
  expect(await page.getByRole('row', { name: 'word VARCHAR' }).getByRole('img').count()).toBe(0);
  await page.getByRole('cell', { name: '2026-01-02 03:04:05', exact: true }).first().waitFor();
  expect(await violationsOf(page)).toEqual([]);
  expect(await downloaded(page, 'Download')).toEqual(readFileSync(path));
  const csv = (await downloaded(page, 'Download these rows as CSV')).toString();
  expect(csv.split('\r\n')).toEqual([
    'n,half,at,word',
    ...["0,0,2026-01-02 03:04:05,it's", "1,1,2026-01-02 03:04:05,it's"],
    ...["2,,2026-01-02 03:04:05,it's", "3,3,2026-01-02 03:04:05,it's", ''],
  ]);
  const arrow = await downloaded(page, 'Download all rows as Arrow');
  expect([arrow.readInt32LE(0), arrow.subarray(-8).toString('hex')]).toEqual([-1, 'ffffffff00000000']);
  await page.getByRole('link', { name: 'canon.numbers' }).click();
  await page.getByText(`catalog.query('FROM canon."numbers"')`).waitFor();
  await page.getByText(`openCatalog({ duckdbPath: "${bus.config.duckdbPath}" })`).waitFor();
  await page.getByRole('button', { name: 'Profile' }).click();
  await page.getByRole('row', { name: 'half BIGINT 25 % 3 0 3 1.333' }).waitFor();
  const wide = `SELECT repeat('y', 4999) || 'z' AS wide, 'beside it' AS other`;
  await page.goto(`${url}/#/query/${encodeURIComponent(wide)}`);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const beside = page.getByRole('cell', { name: 'beside it' });
  expect((await beside.boundingBox())?.x).toBeLessThan(1280);
  const text = page.getByText('yz');
  expect(await text.isVisible()).toBe(false);
  await page.getByText(`${'y'.repeat(100)}…`).click();
  expect(await text.isVisible()).toBe(true);
  expect((await beside.boundingBox())?.x).toBeLessThan(1280);
  expect(problems).toEqual([]);
});

sampledInBrowser('an artifact in quarantine is marked in the list, and its page says why', async () => {
  const quality = { on_failure: 'quarantine', columns: { n: { max: 1 } } };
  const bus = makeTestBus({ canon: { tables: { numbers: { quality } } } });
  const { url } = await startServing(bus);
  for (const [runId, n] of [
    ['good', 1],
    ['bad', 7],
  ])
    await (
      await submit(bus, { runId: String(runId), schemaHint: 'canon.numbers', select: `SELECT ${n}::BIGINT AS n` })
    ).settled();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/artifacts`);
  const marked = page.locator('tr', { has: page.getByText('quarantine', { exact: true }) });
  await marked.first().waitFor();
  expect(await marked.count()).toBe(1);
  expect(await marked.textContent()).toContain('bad');
  await page.goto(`${url}/#/artifacts?quarantined=no`);
  await page.getByText('good', { exact: true }).first().waitFor();
  await expect.poll(() => marked.count()).toBe(0); // the rows before stay until then
  await page.goto(`${url}/#/artifacts/${encodeURIComponent('bad/tests/numbers/numbers')}`);
  await page.getByText(/7 in row 1 is more than the maximum of 1/).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  expect(problems).toEqual([]);
});
