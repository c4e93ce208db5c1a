import { gzipSync } from 'node:zlib';
import { readParquet } from '@quantbot/storage';
import { inBrowser, openPage, type Page, sampledInBrowser, violationsOf } from '@quantbot/tooling-testing/browser';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { startServing } from '../support/http.js';

/** A bus with a table of 15 numbers, and a page of its SQL. */
async function sqlPage() {
  const bus = makeTestBus();
  const { url } = await startServing(bus);
  await (await submit(bus, { runId: 'r', schemaHint: 'canon.numbers', select: numbers(15) })).settled();
  const opened = await openPage();
  await opened.page.goto(`${url}/#/query`);
  await opened.page.locator('.cm-content').waitFor();
  return opened;
}

/** Replaces what the editor has, as a user does. */
async function type(page: Page, sql: string): Promise<void> {
  await page.locator('.cm-content').click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(sql);
}

/** The bytes of code and styles that a page has loaded, as gzip transfers them. */
async function gzippedBytes(page: Page): Promise<number> {
  const urls = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  const files = urls.filter(url => /\.(js|css)$/.test(url)).map(async url => (await fetch(url)).text());
  return (await Promise.all(files)).reduce((sum, text) => sum + gzipSync(text).length, 0);
}

inBrowser('SQL can be asked, its answer be sent as a link, and its mistakes are told', async () => {
  const { page, problems } = await sqlPage();
  const loaded = await gzippedBytes(page);
  expect(loaded).toBeGreaterThan(100_000); // with the editor
  expect(loaded).toBeLessThan(150_000);
  await type(page, 'SELECT count(*) AS total, NULL AS nothing FROM canon.numbers');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('row', { name: '15 NULL' }).waitFor();
  const link = page.url();
  await page.goto('about:blank');
  await page.goto(link);
  await page.getByRole('row', { name: '15 NULL' }).waitFor();
  await type(page, "SELECT 'second' AS word");
  await page.keyboard.press('Control+Enter');
  await page.getByRole('cell', { name: 'second' }).waitFor();
  await page.goBack();
  await page.getByRole('row', { name: '15 NULL' }).waitFor();
  expect(page.url()).toBe(link);
  expect(await page.locator('.cm-content').textContent()).toContain('AS total');
  await page.goForward();
  await page.getByRole('cell', { name: 'second' }).waitFor();
  expect(problems).toEqual([]);
  await type(page, 'SELEKT 1');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByRole('alert').getByText('QUERY_FAILED').waitFor();
});

sampledInBrowser('of a long answer, rows are drawn as one comes to them', async () => {
  const { page, problems } = await sqlPage();
  await page.getByLabel('at most').selectOption('10000');
  await type(page, 'SELECT range AS n FROM range(3000)');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('cell', { name: '0', exact: true }).waitFor();
  const drawn = () => page.locator('tbody tr').count();
  expect(await drawn()).toBeLessThan(1000);
  const more = page.getByRole('button', { name: /more rows/ });
  while ((await more.count()) > 0) await more.scrollIntoViewIfNeeded({ timeout: 1000 }).catch(() => {});
  expect(await drawn()).toBe(3000);
  expect(await page.locator('table').getAttribute('aria-rowcount')).toBe('3001');
  expect(await violationsOf(page)).toEqual([]);
  expect(problems).toEqual([]);
});

sampledInBrowser('the editor completes names, remembers queries, draws, and gives all rows as a file', async () => {
  const { page, problems } = await sqlPage();
  await page.locator('summary', { hasText: 'canon.numbers' }).click();
  await page.getByRole('button', { name: 'n BIGINT' }).waitFor();
  await type(page, 'SELECT n, n * n AS square FROM canon.');
  await page.keyboard.type('num');
  await page.getByRole('option', { name: 'numbers' }).waitFor();
  await page.waitForTimeout(100); // a completion takes no key in its first moment
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('button', { name: 'Chart' }).click();
  await page.getByRole('img', { name: 'Answer: 196 (at most 196)' }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download all rows as Parquet' }).click(),
  ]);
  const rows = await readParquet<{ square: number }>(await download.path());
  expect(rows.map(({ square }) => square)).toEqual(Array.from({ length: 15 }, (_, n) => n * n));
  await page.reload();
  await page.locator('.cm-content').waitFor();
  await type(page, '');
  await page.getByText('Run before').click();
  await page.getByRole('button', { name: 'SELECT n, n * n AS square FROM canon.numbers' }).click();
  await expect.poll(() => page.locator('.cm-content').textContent()).toContain('square FROM canon.numbers');
  expect(problems).toEqual([]);
});

sampledInBrowser('a query that is cancelled ends at once, in the page and in the daemon', async () => {
  const { page, problems } = await sqlPage();
  for (let time = 0; time < 3; time++) {
    await type(page, 'SELECT count(*) FROM range(1000000000000) a, range(1000) b');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Cancel' }).count()).toBe(0);
  }
  // Three that went on would take both places of queries for ten seconds.
  await type(page, "SELECT 'quick' AS word");
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByRole('cell', { name: 'quick' }).waitFor({ timeout: 8_000 });
  expect(problems).toEqual([]);
});
