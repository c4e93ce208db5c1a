import { openPage, sampledInBrowser, violationsOf } from '@quantbot/tooling-testing/browser';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { startServing } from '../support/http.js';

const runs = {
  'run-1': "SELECT * FROM (VALUES (1, 'a', 0.0::DOUBLE), (2, 'b', 2.5), (3, 'c', 3.5)) t(id, name, price)",
  'run-2': "SELECT * FROM (VALUES (1, 'a', '-0.0'::DOUBLE), (2, 'b', 2.5), (4, 'd', 4.5)) t(id, name, price)",
};
const keyOf = (runId: string) => `${runId}/tests/rows/a`;

sampledInBrowser('two artifacts and two runs are compared: columns, rows, values by key, parameters', async () => {
  const bus = makeTestBus();
  const { url } = await startServing(bus);
  for (const [runId, select] of Object.entries(runs))
    await (await submit(bus, { runId, select, kind: 'rows', artifactId: 'a', meta: { depth: runId } })).settled();
  await (await submit(bus, { runId: 'run-2', kind: 'more', artifactId: 'b' })).settled();
  const { page, problems } = await openPage();
  const rowsOf = async (table: string) => {
    const rows = page.getByRole('region', { name: table, exact: true }).locator('tbody tr');
    return (await rows.allInnerTexts()).map(text => text.replaceAll('\n', ''));
  };

  await page.goto(`${url}/#/artifacts/${encodeURIComponent(keyOf('run-2'))}`);
  await page.getByRole('link', { name: 'Compare with the one before, of run run-1' }).click();
  await page.getByText('They differ.').waitFor();
  expect(await rowsOf('What the producers say of them')).toEqual(['depth\trun-1\trun-2']);
  expect(await rowsOf('Rows only in the left one')).toEqual(['1\ta\t0', '3\tc\t3.5']);
  expect(await rowsOf('Rows only in the right one')).toEqual(['1\ta\t-0.0', '4\td\t4.5']);
  expect(await violationsOf(page)).toEqual([]);

  await page.getByLabel('Columns that identify a row').fill('ID');
  await page.getByLabel('Columns that identify a row').press('Enter');
  await page.getByRole('heading', { name: 'Rows that changed: 1' }).waitFor();
  expect(await rowsOf('Rows that changed')).toEqual(['{"id":1}\tprice\t0\t-0.0']);
  expect(await rowsOf('Rows only in the left one')).toEqual(['3\tc\t3.5']);
  await page.getByLabel('Columns that identify a row').fill('nothing');
  await page.getByLabel('Columns that identify a row').press('Enter');
  await page.getByText('There is no column nothing in both tables.').waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Rows that changed: 1' }).waitFor();

  await page.goto(`${url}/#/runs/run-1`);
  await page.getByRole('link', { name: 'Compare with another run' }).click();
  await page.getByLabel('Right run').fill('run-2');
  await page.getByLabel('Right run').press('Enter');
  const table = page.getByRole('region', { name: 'Artifacts of the two runs' });
  await table.getByRole('link', { name: 'other bytes' }).waitFor();
  expect(await rowsOf('Artifacts of the two runs')).toEqual([
    'atests/rows\tother bytes and parameters\tartifact\tartifact\t3\t3',
    'btests/more\tonly in the right run\tnot there\tartifact\t\t3',
  ]);
  expect(await violationsOf(page)).toEqual([]);
  await table.getByRole('link', { name: 'other bytes' }).click();
  await page.getByText('They differ.').waitFor();
  expect(problems.filter(problem => !problem.includes('status of 400'))).toEqual([]); // the wrong column
});
