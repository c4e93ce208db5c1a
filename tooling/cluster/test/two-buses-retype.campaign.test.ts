// @module-tag campaign
import { forgetArtifacts, retypeColumn } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, test } from 'vitest';
import { catalogOf, mustShow, newestSeq } from './support/tables-of-world.js';
import { describeBothWorlds } from './support/world.js';

describeBothWorlds(
  { compaction: { release_grace_s: 0.05 } },
  async () => {},
  world => {
    test('a column has the type that is set in each place, and its past the type that it had', async () => {
      const bus = world();
      const submitQty = async (runId: string, values: string, type = 'VARCHAR', kind = 'sold') => {
        const select = `SELECT unnest([${values}]::${type}[]) AS qty, '${runId}' AS run`;
        return (await bus.submit({ runId, kind, select, schemaHint: `canon.${kind}` })).settled();
      };
      const columns = 'typeof(qty) AS type, CAST(qty AS VARCHAR) AS qty';
      const shown = async (catalog: Pick<Awaited<ReturnType<typeof catalogOf>>, 'query'>) =>
        (await catalog.query(`SELECT ${columns} FROM canon.sold ORDER BY _seq, qty`)).map(
          ({ type, qty }) => `${qty} ${type}`,
        );
      const mustHave = async (wanted: string[], seq?: number) => {
        const look = async () => {
          const catalog = await catalogOf(bus);
          return shown(seq === undefined ? catalog : await catalog.asOf(seq));
        };
        const isSo = (found: string[]) => JSON.stringify(found) === JSON.stringify(wanted);
        expect(await eventually(() => look().catch(() => []), isSo)).toEqual(wanted);
      };
      const retype = (...args: string[]) => bus.command('table', 'retype', 'sold', 'qty', ...args);
      const become = (type: string, table = 'sold') =>
        retypeColumn({ table, column: 'qty', type }, { busRoot: bus.root });
      await submitQty('r1', "'1.50', '2'");
      await submitQty('r2', "'x'", 'VARCHAR', 'odd');
      for (const more of [[], ['--apply']]) {
        const { stderr } = await bus.command('table', 'retype', 'odd', 'qty', 'DOUBLE', ...more);
        expect(stderr).toContain('qty of canon.odd cannot become DOUBLE: r2/p/odd/a has a value that is no DOUBLE');
        expect(stderr).toContain('qty: x in r2/p/odd/a');
        expect((await retype('VARCHAR', ...more)).stderr).toContain('has the type VARCHAR already');
      }
      await forgetArtifacts({ keys: ['r2/p/odd/a'], rows: 'drop', force: true }, { busRoot: bus.root });
      await become('DOUBLE', 'odd');
      await submitQty('r3', "'1'", 'VARCHAR', 'odd');
      await mustShow(bus, ['r3'], 'odd');
      const before = await newestSeq(bus);
      expect(JSON.parse((await retype('decimal(9, 2)', '--json')).stdout)).toEqual({
        applied: false,
        table: 'sold',
        column: 'qty',
        before: 'VARCHAR',
        to: 'DECIMAL(9,2)',
      });
      const { stdout } = await retype('DECIMAL(9,2)', '--apply', '--json');
      expect(JSON.parse(stdout)).toMatchObject({ applied: true, before: 'VARCHAR', seq: before + 1 });
      await mustHave(['1.50 DECIMAL(9,2)', '2.00 DECIMAL(9,2)']);

      // Later files of the old type come in if their values fit.
      await submitQty('r3', "'3.5'");
      await submitQty('r4', '4', 'DECIMAL(4, 1)');
      const zeros = submitQty('r5', "'007'");
      await expect(zeros).rejects.toMatchObject({
        code: 'SCHEMA_MISMATCH',
        details: [expect.stringContaining('the first value that is no DECIMAL(9,2): 007')],
      });
      const decimals = ['1.50', '2.00', '3.50', '4.00'].map(value => `${value} DECIMAL(9,2)`);
      await mustHave(decimals);
      await mustHave(['1.50 VARCHAR', '2 VARCHAR'], before);
      const inExport = async () => {
        const { sold } = JSON.parse(await bus.done('export', 'sold', '--json'));
        return (await readParquet(sold.path)).map(({ qty }) => String(qty)).sort();
      };
      expect(await inExport()).toEqual(['1.50', '2.00', '3.50', '4.00']);

      // A forgotten artifact keeps its rows, and they follow the type.
      await forgetArtifacts({ keys: ['r3/p/sold/a'], force: true }, { busRoot: bus.root });
      await become('DOUBLE');
      const doubles = ['1.5', '2.0', '3.5', '4.0'].map(value => `${value} DOUBLE`);
      await mustHave(doubles);
      await expect(become('BIGINT')).rejects.toMatchObject({ code: 'OPERATION_INVALID' });
      await bus.restart();
      await become('VARCHAR');
      // Stored files still have their own text. That of the forgotten one may be another by now.
      const texts = async () => (await shown(await catalogOf(bus)).catch(() => [])).map(text => text.split(' ')[0]);
      const found = await eventually(texts, ({ length }) => length === 4);
      expect(found.filter(text => Number(text) !== 3.5)).toEqual(['1.50', '2', '4.0']);
      const { json } = await bus.ask('/api/v1/tables/sold/history');
      const changes = (json as { changes: { changes: { column: string; to: string }[] }[] }).changes
        .flatMap(change => change.changes)
        .filter(({ column }) => column === 'qty');
      expect(changes.map(({ to }) => to)).toEqual(['VARCHAR', 'DECIMAL(9,2)', 'DOUBLE', 'VARCHAR']);

      // A drop leaves the type behind, and a restore brings the last one back.
      await become('DECIMAL(9,2)');
      await bus.done('table', 'drop', 'sold', '--apply');
      await submitQty('r6', "'6'");
      await mustHave(['6 VARCHAR']);
      await become('DOUBLE');
      await mustHave(['6.0 DOUBLE']);
      await bus.done('table', 'restore', 'sold');
      await mustHave(['1.5', '2.0', '4.0', '6.0'].map(value => `${value} DOUBLE`));
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });
  },
  ['campaign'],
);
