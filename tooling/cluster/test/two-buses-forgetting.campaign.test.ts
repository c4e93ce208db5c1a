// @module-tag campaign
import { existsSync } from 'node:fs';
import type { ForgetOutcome } from '@quantbot/infra';
import { forgetArtifacts, keepArtifacts, setAlias } from '@quantbot/infra/utils';
import { type Catalog, openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const runs = ['r1', 'r2', 'r3', 'r4'];
const keyOf = (run: string, kind = 'log') => `${run}/p/${kind}/a`;

/** Submits an artifact of one row, and waits for its receipt. */
async function submitRun(world: World, runId: string, kind = 'log', text = runId) {
  const submission = await world.submit({
    runId,
    kind,
    select: `SELECT 1 AS id, '${text}' AS run`,
    schemaHint: `canon.${kind}`,
  });
  return (await submission.settled()).artifacts[0];
}

async function furnish(world: World): Promise<void> {
  for (const run of runs) for (const kind of ['log', 'prices']) await submitRun(world, run, kind);
}

async function catalogOf({ config }: World): Promise<Catalog> {
  const catalog = await openCatalog({ config });
  onTestFinished(() => catalog.close());
  return catalog;
}

async function forget(world: World, ...args: string[]): Promise<ForgetOutcome[]> {
  return JSON.parse(await world.done('forget', ...args, '--apply', '--json')).keys;
}

const valuesOf = async (catalog: Catalog, table: string) =>
  (await catalog.query(`SELECT run FROM canon.${table} ORDER BY run`)).map(({ run }) => run);

const exported = async (world: World, table: string) => {
  const { [table]: entry } = JSON.parse(await world.done('export', table, '--json'));
  return (await readParquet(entry.path)).map(({ run }) => run).sort();
};

const isGone = (path: string) =>
  eventually(
    () => existsSync(path),
    isThere => !isThere,
  );

describeBothWorlds(
  {
    compaction: { release_grace_s: 0.05 },
    canon: { tables: { prices: { mode: 'upsert', key: ['id'] } } },
    retention: [{ producer: 'p', kind: 'scratch', keep_last: 1 }],
    retention_interval: null,
  },
  furnish,
  world => {
    test('what is marked, aliased or the newest is protected, as a preview says', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      await keepArtifacts({ keys: [keyOf('r2')], reason: 'figures' }, { busRoot: bus.root });
      await setAlias({ producer: 'p', kind: 'log', alias: 'prod', key: keyOf('r3') }, { busRoot: bus.root });
      expect(await catalog.query('SELECT artifact_key, reason FROM catalog.keeps_v')).toEqual([
        { artifact_key: keyOf('r2'), reason: 'figures' },
      ]);
      const { keys } = JSON.parse(await bus.done('forget', ...runs.map(run => keyOf(run)), '--json'));
      expect(keys.map((one: ForgetOutcome) => [one.status, one.rows, one.protected_by])).toEqual([
        ['forgotten', 'kept', undefined],
        ['protected', undefined, ['it carries a keep mark']],
        ['protected', undefined, ['it has the alias p/log@prod']],
        ['protected', undefined, ['it is the newest of its producer, kind and artifact id']],
      ]);
      await bus.done('keep', keyOf('r2'), '--off');
      expect(await catalog.query('FROM catalog.keeps_v')).toEqual([]);
      const unknown = await bus.command('keep', 'nobody/p/log/a');
      expect(unknown.stderr).toContain('There is no artifact nobody/p/log/a.');
    });

    test('bytes go, entries stay, and rows stay in append tables and leave the others', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      const artifacts = await catalog.artifacts();
      const pathOf = (key: string) => artifacts.find(one => one.key === key)?.path ?? '';
      const seq = artifacts[0]?.seq ?? 0;
      const done = await forget(bus, keyOf('r1'), keyOf('r4', 'prices'), '--force', '--reason', 'old');
      expect(done.map(({ status, rows }) => [status, rows])).toEqual([
        ['forgotten', 'kept'],
        ['forgotten', 'dropped'],
      ]);
      await isGone(pathOf(keyOf('r1')));
      await isGone(pathOf(keyOf('r4', 'prices')));
      expect(await valuesOf(catalog, 'log')).toEqual(runs);
      expect(await valuesOf(catalog, 'prices')).toEqual(['r3']);
      expect(await exported(bus, 'prices')).toEqual(['r3']);
      expect((await catalog.artifacts({ runId: 'r1' })).map(({ key, forgottenAt }) => [key, forgottenAt])).toEqual([
        [keyOf('r1', 'prices'), null],
        [keyOf('r1'), expect.any(Date)],
      ]);
      expect((await catalog.latest({ producer: 'p', kind: 'prices' }))?.key).toBe(keyOf('r3', 'prices'));
      expect(await catalog.query('SELECT artifact_key, rows, reason FROM catalog.forgotten_f ORDER BY 1')).toEqual([
        { artifact_key: keyOf('r1'), rows: 'kept', reason: 'old' },
        { artifact_key: keyOf('r4', 'prices'), rows: 'dropped', reason: 'old' },
      ]);
      const past = await catalog.asOf(seq);
      onTestFinished(() => past.close());
      expect(await valuesOf(past, 'log')).toEqual(runs);
      await expect(past.query('FROM canon.prices')).rejects.toMatchObject({
        code: 'ARTIFACT_FORGOTTEN',
        message: expect.stringContaining(keyOf('r4', 'prices')),
      });
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('the same bytes restore an artifact and its rows, and other bytes conflict', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      await expect(submitRun(bus, 'r4', 'prices', 'other')).rejects.toMatchObject({ code: 'ARTIFACT_CONFLICT' });
      for (const kind of ['prices', 'log']) {
        const back = await submitRun(bus, kind === 'log' ? 'r1' : 'r4', kind);
        expect(back?.status).toBe('restored');
        expect(await readParquet(back?.canonical_path ?? '')).toHaveLength(1);
      }
      expect(await valuesOf(catalog, 'log')).toEqual(runs);
      expect(await catalog.query('FROM catalog.forgotten_f')).toEqual([]);
      await eventually(
        () => valuesOf(catalog, 'prices'),
        ([value]) => value === 'r4',
      );
      await eventually(
        () => exported(bus, 'prices'),
        ([value]) => value === 'r4',
      );
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('dropped rows leave append tables and their exports, too', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      const [outcome] = await forgetArtifacts(
        { keys: [keyOf('r2')], rows: 'drop', force: true },
        { busRoot: bus.root },
      );
      expect(outcome).toMatchObject({ status: 'forgotten', rows: 'dropped' });
      await eventually(
        () => valuesOf(catalog, 'log'),
        values => !values.includes('r2'),
      );
      await eventually(
        () => exported(bus, 'log'),
        values => !values.includes('r2'),
      );
      expect(await valuesOf(catalog, 'log')).toEqual(['r1', 'r3', 'r4']);
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('a rule lets go what its limits say, by hand and on a schedule', async () => {
      const bus = world();
      for (const run of ['r1', 'r2', 'r3']) await submitRun(bus, run, 'scratch');
      const { keys } = JSON.parse(await bus.done('forget', '--rule', '--json'));
      expect(keys.map(({ key, status }: ForgetOutcome) => [key, status])).toEqual([
        [keyOf('r1', 'scratch'), 'forgotten'],
        [keyOf('r2', 'scratch'), 'forgotten'],
      ]);
      const catalog = await catalogOf(bus);
      await bus.restart({ retention_interval: 0.2 });
      const gone = () => catalog.query(`SELECT artifact_key FROM catalog.forgotten_f WHERE reason LIKE '%p.scratch'`);
      expect(await eventually(gone, rows => rows.length === 2)).toHaveLength(2);
    });
  },
  ['campaign'],
);
