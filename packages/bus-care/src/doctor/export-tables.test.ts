import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { tablesOfExports } from './export-tables.js';

const jobs = [
  { name: 'joins', sql: 'SELECT * FROM canon.b JOIN catalog.jobs_f USING (seq) JOIN CANON.A USING (seq)' },
  { name: 'wrong', sql: 'SELEC 1' },
];

test('the tables of each export are told; of what is no SELECT they are not known', async () => {
  const { config } = makeTestBus({ export: { jobs } });
  expect([...(await tablesOfExports(config))]).toEqual([
    ['joins', ['canon.a', 'canon.b', 'catalog.jobs_f']],
    ['wrong', undefined],
  ]);
});

test('when the process that parses dies, the tables are not known, and nothing else happens', async () => {
  const { config } = makeTestBus({ export: { jobs } });
  expect([...(await tablesOfExports(config, '/dev/null/no-worker.js')).values()]).toEqual([undefined, undefined]);
});
