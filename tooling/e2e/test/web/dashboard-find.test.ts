import { submitArtifacts } from '@quantbot/infra/utils';
import { inBrowser, openPage, type Page, sampledInBrowser, violationsOf } from '@quantbot/tooling-testing/browser';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { startServing } from '../support/http.js';

const patience = { timeout: 120_000 };
const manyIds = Array.from({ length: 60 }, (_, index) => `part-${String(index).padStart(2, '0')}`);

/** A bus with a job of 60 artifacts, two tables, and a rejected job. */
async function busToSearch() {
  const bus = makeTestBus();
  const serving = await startServing(bus);
  const parquetPath = await produce(bus, numbers(2));
  const artifacts = manyIds.map(artifactId => ({ artifactId, parquetPath, meta: { strategy: 'carry' } }));
  const many = { runId: 'many', jobId: 'job-many', producer: 'lab', kind: 'parts', busRoot: bus.layout.root };
  await (await submitArtifacts({ ...many, artifacts })).settled();
  const one = { runId: 'other', schemaHint: 'canon.small', meta: { strategy: 'Momentum', deep: { level: 3 } } };
  await (await submit(bus, { ...one, jobId: 'job-other' })).settled();
  await (await submit(bus, { jobId: 'job-large', schemaHint: 'canon.large', select: numbers(40) })).settled();
  await submit(bus, { jobId: 'job-bad', schemaHint: 'canon.small', select: "SELECT 'x' AS n" });
  await serving.daemon.logged('rejected');
  return { bus, ...serving };
}

const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();
/** A promise that a test fulfils. */
function withhold(): { answered: Promise<void>; answer(): void } {
  let answer = () => {};
  const answered = new Promise<void>(resolve => {
    answer = resolve;
  });
  return { answered, answer };
}

const cells = (page: Page, table: string) => page.getByRole('region', { name: table }).locator('td:first-child a');

sampledInBrowser('the key / searches everything, and Back leads back', async () => {
  const { url } = await busToSearch();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/space`);
  await page.getByRole('heading', { name: 'Space' }).waitFor();
  const search = async (words: string) => {
    await page.keyboard.press('/');
    await page.keyboard.type(words);
    await page.keyboard.press('Enter');
    await expect.poll(() => heading(page), patience).toBe(`Search: ${words}`);
    const loading = page.getByText('Loading…').or(page.locator('[aria-busy=true]'));
    await expect.poll(() => loading.count(), patience).toBe(0);
  };
  await search('MOMENTUM meta.deep.level=3');
  expect(await cells(page, 'Artifacts').allTextContents()).toEqual(['numbers']);
  // The results stay until all of the next ones are there.
  const { answered, answer } = withhold();
  await page.route('**/api/v1/artifacts?*schema_mismatch*', async route => {
    await answered;
    await route.continue();
  });
  const found = search('schema_mismatch');
  await page.locator('[aria-busy=true]', { hasText: 'numbers' }).waitFor();
  expect(await page.getByText('Loading…').count()).toBe(0);
  answer();
  await found;
  await page.getByRole('region', { name: 'Jobs' }).last().getByRole('link', { name: 'job-bad' }).waitFor();
  await search('small');
  expect(await cells(page, 'Tables and exports').allTextContents()).toEqual(['canon.small', 'small']);
  await search('carry');
  expect(await violationsOf(page)).toEqual([]);
  await page.getByRole('link', { name: 'All that match' }).click();
  await expect.poll(() => cells(page, 'Artifacts').count(), patience).toBe(50);
  await page.goBack();
  await expect.poll(() => heading(page), patience).toBe('Search: carry');
  await page.goBack();
  await expect.poll(() => heading(page), patience).toBe('Search: small');
  expect(problems).toEqual([]);
});

inBrowser('a list is filtered and turned over by its address, and no artifact of a job is lost', async () => {
  const { bus, url } = await busToSearch();
  const { page, problems } = await openPage();
  await page.goto(`${url}/#/artifacts`);
  await page.getByLabel('Producer').fill('lab');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.url(), patience).toBe(`${url}/#/artifacts?producer=lab`);
  const ids = () => cells(page, 'Artifacts').allTextContents();
  const newestFirst = manyIds.toReversed();
  await expect.poll(ids, patience).toEqual(newestFirst.slice(0, 50));
  const { answered, answer } = withhold();
  await page.route('**/api/v1/artifacts?*before=*', async route => {
    await answered;
    await route.continue();
  });
  await page.getByRole('link', { name: 'Older' }).click();
  await page.locator('[aria-busy=true]').waitFor();
  expect(await ids()).toEqual(newestFirst.slice(0, 50));
  answer();
  await expect.poll(ids, patience).toEqual(newestFirst.slice(50));
  await page.reload();
  await expect.poll(ids, patience).toEqual(newestFirst.slice(50));
  expect(await page.getByLabel('Producer').inputValue()).toBe('lab');
  await page.getByRole('link', { name: 'Newest' }).click();
  await expect.poll(ids, patience).toEqual(newestFirst.slice(0, 50));
  await page.getByLabel('Kind').pressSequentially('par');
  await (await submit(bus, { producer: 'lab', jobId: 'job-new' })).settled();
  await expect.poll(ids, patience).toEqual(['numbers', ...newestFirst.slice(0, 49)]);
  expect(await page.getByLabel('Kind').inputValue()).toBe('par');
  await page.keyboard.type('ts');
  await page.keyboard.press('Enter');
  await expect.poll(ids, patience).toEqual(newestFirst.slice(0, 50));
  await page.getByLabel('From').fill('2100-01-01T00:00');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing matches').waitFor();
  await page.goBack();
  await expect.poll(ids, patience).toEqual(newestFirst.slice(0, 50));
  expect(problems).toEqual([]);
});

sampledInBrowser(
  'jobs are filtered by state, code and words; tables are sorted; a tile leads to its jobs',
  async () => {
    const { url } = await busToSearch();
    const { page, problems } = await openPage({ timezoneId: 'America/New_York' });
    await page.goto(url);
    await page.locator('dl').getByRole('link', { name: '1', exact: true }).click();
    await expect.poll(() => page.url(), patience).toBe(`${url}/#/jobs?status=rejected`);
    const jobs = () => page.locator('main td:last-child a').allTextContents();
    await expect.poll(jobs, patience).toEqual(['job-bad']);
    expect(await page.locator('main time').getAttribute('title')).toMatch(/\(America\/New_York\), .+ UTC$/);
    await page.getByLabel('State').selectOption('ingested');
    await page.getByLabel('Words').fill('JOB-O');
    await page.keyboard.press('Enter');
    await expect.poll(jobs, patience).toEqual(['job-other']);
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.getByLabel('Code').fill('SCHEMA_MISMATCH');
    await page.keyboard.press('Enter');
    await expect.poll(jobs, patience).toEqual(['job-bad']);
    await page.goto(`${url}/#/tables`);
    const tables = () => cells(page, 'Canonical tables').allTextContents();
    await expect.poll(tables, patience).toEqual(['canon.large', 'canon.small']);
    await page.getByRole('link', { name: 'Rows submitted' }).click();
    await page.getByRole('link', { name: 'Rows submitted' }).click();
    await expect.poll(tables, patience).toEqual(['canon.small', 'canon.large']);
    expect(page.url()).toBe(`${url}/#/tables?sort=Rows+submitted`);
    await page.getByLabel('Words').fill('CANON. arg');
    await page.keyboard.press('Enter');
    await expect.poll(tables, patience).toEqual(['canon.large']);
    await page.goto(`${url}/#/exports?text=SMALL`);
    await expect.poll(() => page.locator('main tbody td:first-child').allTextContents(), patience).toEqual(['small']);
    await page.goto(`${url}/#/jobs/job-many`);
    await expect
      .poll(() => cells(page, 'Artifacts of the job').allTextContents(), patience)
      .toEqual(manyIds.slice(0, 50));
    await page.getByText('Only the first 50 artifacts.').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await page.goto(`${url}/#/space`);
    await page.getByRole('link', { name: 'canon.large' }).click();
    await expect.poll(() => heading(page), patience).toBe('canon.large');
    expect(problems).toEqual([]);
  },
);

sampledInBrowser('a page that fails says so and leaves the others, and an empty list says the next step', async () => {
  const { url } = await startServing(makeTestBus());
  const { page, problems } = await openPage();
  const broken = await page.route('**/api/v1/jobs?*', route => route.fulfill({ json: { jobs: [null] } }));
  await page.goto(`${url}/#/jobs`);
  await expect.poll(() => heading(page), patience).toBe('This page cannot be shown');
  expect(await violationsOf(page)).toEqual([]);
  await broken.dispose();
  await page.getByRole('button', { name: 'Show it again' }).click();
  await page.getByText(/quantbot-bus submit my.parquet/).waitFor();
  await page.getByRole('link', { name: 'Tables' }).click();
  await page.getByText(/--schema-hint canon.trades/).waitFor();
  for (const place of ['Overview', 'Space']) {
    await page.getByRole('link', { name: place, exact: true }).click();
    await page.getByText(/quantbot-bus submit my.parquet/).waitFor();
  }
  expect(problems).toEqual([]);
});

sampledInBrowser('a page asks again when its request was cut, or came to a busy daemon', async () => {
  const { url } = await startServing(makeTestBus());
  const { page } = await openPage();
  const cut = await page.route('**/api/v1/jobs?*', route => route.abort());
  await page.goto(`${url}/#/jobs`);
  await page.getByRole('alert').getByText('UNREACHABLE').waitFor();
  await cut.dispose();
  await page.getByText(/quantbot-bus submit my.parquet/).waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  const error = { code: 'HTTP_BUSY', message: 'Too much is being asked at once.', hint: '', details: [] };
  const busy = await page.route('**/api/v1/exports', route => route.fulfill({ status: 503, json: { error } }));
  await page.goto(`${url}/#/exports`);
  await page.getByRole('alert').getByText('HTTP_BUSY').waitFor();
  await busy.dispose();
  await expect.poll(() => page.getByRole('alert').count(), patience).toBe(0);
});

sampledInBrowser('lists are sorted by the server, over all pages, and as of a job', async () => {
  const bus = makeTestBus();
  const { url } = await startServing(bus);
  const sizes = Array.from({ length: 55 }, (_, index) => (index * 7) % 55); // each of 0 to 54 once
  for (const size of sizes.slice(0, 3)) await sized(bus, size);
  await Promise.all(sizes.slice(3).map(size => sized(bus, size)));
  const { page, problems } = await openPage();
  const largestFirst = sizes.toSorted((a, b) => b - a).map(size => `s${size}`);
  const ids = () => cells(page, 'Artifacts').allTextContents();
  await page.goto(`${url}/#/artifacts?producer=tests`);
  await page.getByRole('link', { name: 'Rows' }).click();
  await expect.poll(() => page.url(), patience).toBe(`${url}/#/artifacts?producer=tests&sort=-rows`);
  await expect.poll(ids, patience).toEqual(largestFirst.slice(0, 50));
  await page.getByRole('link', { name: 'Next' }).click();
  await expect.poll(ids, patience).toEqual(largestFirst.slice(50));
  await page.reload();
  await expect.poll(ids, patience).toEqual(largestFirst.slice(50));
  expect(await page.getByRole('columnheader', { name: 'Rows' }).getAttribute('aria-sort')).toBe('descending');
  await page.getByRole('link', { name: 'Rows' }).click();
  await expect.poll(ids, patience).toEqual(largestFirst.toReversed().slice(0, 50));
  expect(await violationsOf(page)).toEqual([]);

  const slider = page.getByRole('slider', { name: 'As of' });
  await slider.fill('3');
  await expect.poll(ids, patience).toEqual(['s0', 's7', 's14']);
  await page.getByRole('button', { name: 'Now' }).click();
  await expect.poll(ids, patience).toHaveLength(50);
  const runs = () => cells(page, 'Runs').allTextContents();
  await page.goto(`${url}/#/runs?sort=-rows`);
  await expect.poll(async () => (await runs()).slice(0, 2), patience).toEqual(['r54', 'r53']);
  await page.goto(`${url}/#/jobs?sort=-rows&asOf=2`);
  await expect.poll(() => page.locator('td.number').first().textContent(), patience).toBe('7');
  await page.goto(`${url}/#/tables`);
  const row = page.getByRole('row', { name: 'canon.sizes' });
  await expect.poll(() => row.textContent(), patience).toContain('1,485');
  await slider.fill('3');
  await expect.poll(() => row.textContent(), patience).toContain('21');
  await page.getByRole('link', { name: 'canon.sizes' }).click();
  const past = page.getByText('Rows as of seq 3').locator('..');
  await expect.poll(() => past.textContent(), patience).toBe('Rows as of seq 321');
  expect(await violationsOf(page)).toEqual([]);
  expect(problems).toEqual([]);
});

/** Submits an artifact of so many rows. */
async function sized(bus: TestBus, size: number): Promise<void> {
  const ids = { runId: `r${size}`, artifactId: `s${size}`, schemaHint: 'canon.sizes' };
  await (await submit(bus, { ...ids, select: `SELECT n FROM range(${size}) t(n)` })).settled();
}
