import { openCatalog } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { operateKilledAt } from '../support/killed-operation.js';

/** Each step of a rename, and of what follows it. */
const points = ['commit:before-rename', 'commit:after-rename', 'settle:before', 'settle:after', 'compact:switched'];

sampled('killed at each step, a daemon renames a table whole, and its past and rows stay exact', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  const runs: string[] = [];
  /** The name and the runs of the table after each job. */
  const model: { name: string; runs: string[] }[] = [];
  let name = 'n0';
  const note = () => model.push({ name, runs: [...runs].sort() });
  const add = async (run: string, hint: string) => {
    const select = `SELECT '${run}' AS run`;
    await submit(bus, { runId: run, kind: 't', artifactId: 't', schemaHint: `canon.${hint}`, select });
    runs.push(run);
    note();
  };
  const mustBeAsTheModel = async (what: string, from = model.length - 2) => {
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    for (const [index, expected] of [...model.entries()].slice(from)) {
      await using past = await catalog.asOf(index + 1);
      const tables = (await past.query('SELECT table_name FROM catalog.tables_d')).map(row => row.table_name);
      expect(tables, `${what}, as of ${index + 1}`).toEqual([expected.name]);
      const found = await past.query(`SELECT run FROM canon.${expected.name} ORDER BY run`);
      expect(
        found.map(({ run }) => run),
        `${what}, as of ${index + 1}`,
      ).toEqual(expected.runs);
    }
  };

  await add('first', name);
  for (const [index, point] of points.entries()) {
    await add(`r${index}`, 'n0');
    await drain(bus);
    const to = `n${index + 1}`;
    const op = { type: 'table_rename' as const, table: name, to, reason: null, by: null };
    await operateKilledAt(bus, op, point);
    name = to;
    note();
    await mustBeAsTheModel(point);
  }
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  await mustBeAsTheModel('rebuilt', 0);
});
