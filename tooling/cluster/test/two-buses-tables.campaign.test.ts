// @module-tag campaign
import { forgetArtifacts, renameTable, setTableMode } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test } from 'vitest';
import { catalogOf, mustBe, mustExport, mustShow, newestSeq, runsIn } from './support/tables-of-world.js';
import { describeBothWorlds, type World } from './support/world.js';

const runs = ['r1', 'r2', 'r3'];

async function submitRun(world: World, runId: string, kind = 'log') {
  const select = `SELECT '${runId}' AS run, ${runs.indexOf(runId)} AS x`;
  await (await world.submit({ runId, kind, select, schemaHint: `canon.${kind}` })).settled();
}

async function furnish(world: World): Promise<void> {
  for (const kind of ['log', 'other']) for (const run of runs) await submitRun(world, run, kind);
}

const preview = async (world: World, ...args: string[]) =>
  JSON.parse(await world.done('table', 'set-mode', ...args, '--json'));

const exported = async (world: World, table: string) => {
  const { [table]: entry } = JSON.parse(await world.done('export', table, '--json'));
  return (await readParquet(entry.path)).map(({ run }) => run).sort();
};

describeBothWorlds(
  {
    compaction: { release_grace_s: 0.05 },
    canon: { tables: { held: { quality: { on_failure: 'quarantine', columns: { x: { min: 1 } } } } } },
  },
  furnish,
  world => {
    test('an artifact in quarantine is stored, and its rows come with the release of its bytes', async () => {
      const bus = world();
      await submitRun(bus, 'r2', 'held');
      const job = { kind: 'held', select: "SELECT 'bad' AS run, 0 AS x", schemaHint: 'canon.held' };
      const receipt = await (await bus.submit({ ...job, runId: 'bad' })).settled();
      const key = receipt.artifacts[0]?.key ?? '';
      const quarantined = ['x: 0 in row 1 is less than the minimum of 1 (1 of 1 rows)'];
      expect(receipt.artifacts).toMatchObject([{ status: 'ingested', quarantined }]);
      const listed = async () =>
        (await catalogOf(bus)).query('SELECT artifact_key, quarantined FROM catalog.quarantine_v');
      expect(await eventually(listed, ({ length }) => length === 1)).toEqual([{ artifact_key: key, quarantined }]);
      await mustShow(bus, ['r2'], 'held');
      expect(await bus.done('release', key, '--reason', 'it was right')).toContain(
        'is released as bad/p/held/a.released',
      );
      await mustShow(bus, ['bad', 'r2'], 'held');
      expect(await listed()).toEqual([]);
    });

    test('a table shows the rows of the mode that is set; its past, those of the mode that it had', async () => {
      const bus = world();
      expect(await preview(bus, 'log', 'latest')).toMatchObject({
        before: { mode: 'append', key: [] },
        artifacts: 3,
        artifact_rows: 3,
        hidden_rows: 2,
        lost_rows: 0,
      });
      const before = (await (await catalogOf(bus)).artifacts())[0]?.seq ?? 0;
      expect(await bus.done('table', 'set-mode', 'log', 'latest', '--apply', '--reason', 'the newest')).toContain(
        'canon.log has the mode latest',
      );
      await mustShow(bus, ['r3']);
      await eventually(
        () => exported(bus, 'log'),
        found => found.length === 1,
      );
      await submitRun(bus, 'r1', 'probe'); // of another table
      await mustShow(bus, ['r3']);
      const catalog = await catalogOf(bus);
      expect(await catalog.query(`SELECT mode FROM catalog.tables_d WHERE table_name = 'log'`)).toEqual([
        { mode: 'latest' },
      ]);
      const past = await catalog.asOf(before);
      onTestFinished(() => past.close());
      expect(await runsIn(past)).toEqual(runs);
      expect(await past.query(`SELECT mode FROM catalog.tables_d WHERE table_name = 'log'`)).toEqual([
        { mode: 'append' },
      ]);
      expect(await preview(bus, 'log', 'append')).toMatchObject({ before: { mode: 'latest' }, hidden_rows: 0 });
      await setTableMode({ table: 'log', mode: 'append' }, { busRoot: bus.root });
      await mustShow(bus, runs);
    });

    test('a renamed table has its new name everywhere, its past the old one, and the old hint leads to it', async () => {
      const bus = world();
      const names = ['alrets', 'alerts'];
      await submitRun(bus, 'r1', 'alrets');
      const before = await newestSeq(bus);
      await mustExport(bus, 'alrets', ['r1']);
      const dry = JSON.parse(await bus.done('table', 'rename', 'alrets', 'alerts', '--json'));
      expect(dry).toMatchObject({ applied: false, readers: ['export alrets, which becomes alerts'] });
      expect(await bus.done('table', 'rename', 'alrets', 'alerts', '--apply')).toContain(
        'canon.alrets is canon.alerts',
      );
      await mustBe(bus, names, { alerts: ['r1'] });
      const { json: listed } = await bus.ask('/api/v1/tables');
      expect(listed).toMatchObject({
        tables: expect.arrayContaining([expect.objectContaining({ name: 'alerts', artifacts: 1 })]),
      });
      const old = { runId: 'r2', kind: 'alrets', select: "SELECT 'r2' AS run, 1 AS x", schemaHint: 'canon.alrets' };
      const late = await (await bus.submit(old)).settled();
      expect(late.warnings).toEqual([
        'canon.alrets was renamed to canon.alerts, so the rows are there. Write the schema hint canon.alerts.',
      ]);
      const now = {
        ...old,
        runId: 'r3',
        select: "SELECT 'r3' AS run, 1 AS x",
        schemaHint: 'canon.alerts',
        kind: 'alerts',
      };
      expect((await (await bus.submit(now)).settled()).warnings).toBeUndefined();
      await mustBe(bus, names, { alerts: runs });
      await mustBe(bus, names, { alrets: ['r1'] }, before);
      await mustBe(bus, names, { alerts: ['r1', 'r2'] }, late.seq);
      await mustExport(bus, 'alerts', runs);
      await mustExport(bus, 'alrets');
      const taken = await bus.command('table', 'rename', 'alerts', 'log');
      expect(taken.stderr).toContain('canon.log exists already. Choose another name.');
      await bus.done('table', 'set-mode', 'alerts', 'latest', '--apply');
      await mustShow(bus, ['r3'], 'alerts');
      await renameTable({ table: 'alerts', to: 'alrets' }, { busRoot: bus.root });
      await mustShow(bus, ['r3'], 'alrets');
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('a dropped table goes and comes back, and its name may be of another table meanwhile', async () => {
      const bus = world();
      const names = ['wrong'];
      for (const run of ['r1', 'r2']) await submitRun(bus, run, 'wrong');
      await forgetArtifacts({ keys: ['r2/p/wrong/a'], force: true }, { busRoot: bus.root });
      await mustShow(bus, ['r1', 'r2'], 'wrong');
      const before = await newestSeq(bus);
      const dry = JSON.parse(await bus.done('table', 'drop', 'wrong', '--json'));
      expect(dry).toEqual({
        applied: false,
        table: 'wrong',
        artifacts: 2,
        artifact_rows: 2,
        lost_rows: 1,
        readers: ['export wrong, which goes too'],
      });
      await bus.done('table', 'drop', 'wrong', '--apply', '--reason', 'mistyped');
      await mustBe(bus, names, {});
      await mustExport(bus, 'wrong');
      const kept = await (await catalogOf(bus)).query(
        "SELECT 1 FROM catalog.artifacts_f WHERE artifact_key = 'r1/p/wrong/a'",
      );
      expect(kept).toHaveLength(1);
      const other = { kind: 'other-life', select: "SELECT 'r3' AS run, 'text' AS y", schemaHint: 'canon.wrong' };
      await (await bus.submit({ ...other, runId: 'r3' })).settled();
      await mustBe(bus, names, { wrong: ['r3'] });
      const catalog = await catalogOf(bus);
      expect(
        (await catalog.query("SELECT column_name FROM catalog.columns_d WHERE table_name = 'wrong'")).map(
          row => row.column_name,
        ),
      ).toEqual(['run', 'y']);
      const gone = await catalog.asOf(before);
      onTestFinished(() => gone.close());
      await expect(gone.query('SELECT run FROM canon.wrong')).rejects.toThrow(/r2\/p\/wrong\/a/);
      expect(await bus.done('table', 'restore', 'wrong')).toContain('canon.wrong is restored');
      await mustShow(bus, ['r1', 'r3'], 'wrong');
      const again = await bus.submit({
        runId: 'r2',
        kind: 'wrong',
        select: "SELECT 'r2' AS run, 1 AS x",
        schemaHint: 'canon.wrong',
      });
      expect((await again.settled()).artifacts).toMatchObject([{ status: 'restored' }]);
      await mustShow(bus, runs, 'wrong');
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('a table with a key shows the newest row of each key, and neither takes nor gets NULL in it', async () => {
      const bus = world();
      const submitKey = async (runId: string, x: string, kind = 'keyed') => {
        const select = `SELECT '${runId}' AS run, CAST(${x} AS INTEGER) AS x`;
        return (await bus.submit({ runId, kind, select, schemaHint: `canon.${kind}` })).settled();
      };
      for (const [run, x] of [
        ['r1', '1'],
        ['r2', '1'],
        ['r3', '2'],
      ] as const)
        await submitKey(run, x);
      const bare = { runId: 'bare', kind: 'nulls', select: "SELECT 'bare' AS run", schemaHint: 'canon.nulls' };
      await (await bus.submit(bare)).settled();
      await submitKey('none', 'NULL', 'nulls');
      await submitKey('r1', '1', 'nulls');
      for (const [run, more] of [
        ['bare', []],
        ['bare', ['--apply']],
        ['none', ['--apply']],
      ] as const) {
        const refused = await bus.command('table', 'set-key', 'nulls', 'x', ...more);
        expect(refused.stderr).toContain(`The key of canon.nulls does not fit ${run}/p/nulls/a.`);
        if (more.length > 0)
          await forgetArtifacts({ keys: [`${run}/p/nulls/a`], rows: 'drop', force: true }, { busRoot: bus.root });
      }
      await bus.done('table', 'set-key', 'nulls', 'x', '--order-by', 'x', '--apply');
      await mustShow(bus, ['r1'], 'nulls');
      const before = await newestSeq(bus);
      expect(JSON.parse(await bus.done('table', 'set-key', 'keyed', 'x', '--json'))).toMatchObject({
        before: { mode: 'append' },
        artifact_rows: 3,
        hidden_rows: 1,
        lost_rows: 0,
      });
      await bus.done('table', 'set-key', 'keyed', 'x', '--apply');
      await mustShow(bus, ['r2', 'r3'], 'keyed');
      await expect(submitKey('late', 'NULL')).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
      await submitKey('r4', '2');
      await mustShow(bus, ['r2', 'r4'], 'keyed');
      const past = async () => runsIn(await (await catalogOf(bus)).asOf(before), 'keyed');
      expect(
        await eventually(
          () => past().catch(() => []),
          found => found.length === 3,
        ),
      ).toEqual(runs);
      expect(JSON.parse(await bus.done('table', 'set-mode', 'keyed', 'append', '--json'))).toMatchObject({
        before: { mode: 'upsert', key: ['x'] },
        hidden_rows: 0,
      });
      await setTableMode({ table: 'keyed', mode: 'append' }, { busRoot: bus.root });
      await mustShow(bus, [...runs, 'r4'], 'keyed');
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('what makes no sense is refused with a code, also without --apply', async () => {
      const bus = world();
      for (const more of [[], ['--apply']]) {
        const same = await bus.command('table', 'set-mode', 'log', 'append', ...more);
        expect(same.stderr).toContain('OPERATION_INVALID');
        const unknown = await bus.command('table', 'set-mode', 'nothing', 'latest', ...more);
        expect(unknown.stderr).toContain('There is no table canon.nothing.');
      }
    });

    test('rows of forgotten artifacts leave a table that is not append any more, and forgetting follows it', async () => {
      const bus = world();
      await forgetArtifacts({ keys: ['r3/p/other/a'], force: true }, { busRoot: bus.root });
      await mustShow(bus, runs, 'other');
      expect(await preview(bus, 'other', 'latest')).toMatchObject({ lost_rows: 1 });
      await setTableMode({ table: 'other', mode: 'latest' }, { busRoot: bus.root });
      await mustShow(bus, ['r2'], 'other');
      const [outcome] = await forgetArtifacts({ keys: ['r2/p/other/a'], force: true }, { busRoot: bus.root });
      expect(outcome).toMatchObject({ status: 'forgotten', rows: 'dropped' });
      await mustShow(bus, ['r1'], 'other');
      await bus.done('table', 'set-mode', 'other', 'append', '--apply');
      await mustShow(bus, ['r1'], 'other');
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('a daemon that starts knows the mode, and a declaration must name it', async () => {
      const bus = world();
      await setTableMode({ table: 'log', mode: 'latest' }, { busRoot: bus.root });
      await bus.restart();
      await submitRun(bus, 'r1', 'later');
      await mustShow(bus, ['r3']);
      await expect(bus.restart({ canon: { tables: { log: { mode: 'append' } } } })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
      await bus.restart({ canon: { tables: { log: { mode: 'latest' } } } });
      await mustShow(bus, ['r3']);
    });
  },
  ['campaign'],
);
