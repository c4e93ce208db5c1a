import { join } from 'node:path';
import { openCatalog, readParquet, scanParquet } from '@quantbot/storage';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test } from 'vitest';
import { hook, program } from './support/program.js';
import { describeBothWorlds, type World } from './support/world.js';

const ticks = 'canon.ticks';

/** Two runs, of which the second was made from the first, and a job that is rejected. */
async function furnish(world: World): Promise<void> {
  const first = await world.submit({ jobId: 'one', select: 'SELECT range AS x FROM range(3)', schemaHint: ticks });
  await first.settled();
  const second = await world.submit({
    jobId: 'two',
    runId: 'run-2',
    select: "SELECT 3 + range AS x, 'b' AS note FROM range(2)",
    schemaHint: ticks,
    inputs: ['run-1/p/k/a'],
  });
  await second.settled();
  const bad = await world.submit({ jobId: 'bad', runId: 'run-3', select: "SELECT 'text' AS x", schemaHint: ticks });
  await bad.settled().catch(() => {});
}

async function catalogOf({ config }: World) {
  const catalog = await openCatalog({ config });
  onTestFinished(() => catalog.close());
  return catalog;
}

describeBothWorlds(
  {
    export: { min_interval_s: 0, max_share: 1, jobs: [{ name: 'newest', sql: 'SELECT max(x) AS x FROM canon.ticks' }] },
    canon: { tables: { ticks: { quality: { columns: { note: { matches: '[a-z]*' } } } } } },
  },
  furnish,
  world => {
    test('the catalog has what was committed, newest first', async () => {
      const catalog = await catalogOf(world());
      expect(await catalog.latest({ producer: 'p', kind: 'k' })).toMatchObject({ runId: 'run-2', seq: 2, rows: 2 });
      expect((await catalog.artifacts()).map(({ key, seq }) => [key, seq])).toEqual([
        ['run-2/p/k/a', 2],
        ['run-1/p/k/a', 1],
      ]);
      expect((await catalog.runs()).map(({ runId }) => runId)).toEqual(['run-2', 'run-1']);
      expect(await catalog.job('bad')).toMatchObject({ status: 'rejected', rejectCode: 'SCHEMA_MISMATCH' });
      expect((await catalog.jobs({ status: 'ingested' })).map(({ jobId }) => jobId)).toEqual(['two', 'one']);
    });

    test('canonical tables have the rows of all artifacts, and those of the past', async () => {
      const catalog = await catalogOf(world());
      const rows = 'SELECT x, note, _seq, _artifact_key FROM canon.ticks ORDER BY x';
      const [first, , , last] = await catalog.query(rows);
      expect([first, last]).toEqual([
        { x: 0, note: null, _seq: 1, _artifact_key: 'run-1/p/k/a' },
        { x: 3, note: 'b', _seq: 2, _artifact_key: 'run-2/p/k/a' },
      ]);
      const past = await catalog.asOf(1);
      onTestFinished(() => past.close());
      expect(await past.query('SELECT count(*) AS n FROM canon.ticks')).toEqual([{ n: 3 }]);
      expect((await past.artifacts()).map(({ seq }) => seq)).toEqual([1]);
    });

    test('stored artifacts are read by their path, whole or in batches', async () => {
      const catalog = await catalogOf(world());
      const { path = '' } = (await catalog.latest({ producer: 'p', kind: 'k' })) ?? {};
      const wanted = [
        { x: 3, note: 'b' },
        { x: 4, note: 'b' },
      ];
      expect(await readParquet(path)).toEqual(wanted);
      const batches = [];
      for await (const rows of scanParquet(path)) batches.push(...rows);
      expect(batches).toEqual(wanted);
    });

    test('lineage goes both ways', async () => {
      const catalog = await catalogOf(world());
      expect(await catalog.lineage('run-1/p/k/a')).toMatchObject({ inputs: [], outputs: ['run-2/p/k/a'] });
      expect(await catalog.lineage('run-2/p/k/a')).toMatchObject({ inputs: ['run-1/p/k/a'], outputs: [] });
      expect(await world().done('catalog', 'lineage', 'run-1/p/k/a')).toContain('run-2/p/k/a');
    });

    test('an alias names an artifact until it is removed', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      await bus.done('alias', 'set', 'p/k@prod', 'run-1/p/k/a');
      expect(await catalog.aliases()).toMatchObject([{ alias: 'prod', key: 'run-1/p/k/a' }]);
      expect(await catalog.latest({ producer: 'p', kind: 'k', alias: 'prod' })).toMatchObject({ seq: 1 });
      await bus.done('alias', 'remove', 'p/k@prod');
      expect(await catalog.aliases()).toEqual([]);
    });

    test('a receipt says what was stored, and one content twice is a duplicate', async () => {
      const bus = world();
      const again = { jobId: 'again', select: 'SELECT range AS x FROM range(3)', schemaHint: ticks };
      const { artifacts, ...receipt } = await (await bus.submit(again)).settled();
      expect(receipt).toMatchObject({ job_id: 'again', status: 'duplicate' });
      const [artifact] = artifacts ?? [];
      expect(artifact).toMatchObject({ status: 'duplicate', key: 'run-1/p/k/a', rows: 3 });
      expect(await readParquet(artifact?.canonical_path ?? '')).toHaveLength(3);
      const other = { jobId: 'other', select: 'SELECT 9 AS x', schemaHint: ticks };
      await expect((await bus.submit(other)).settled()).rejects.toMatchObject({ code: 'ARTIFACT_CONFLICT' });
    });

    test('rejected jobs are listed with their reason, and retried', async () => {
      const bus = world();
      expect(JSON.parse(await bus.done('rejected', 'bad', '--json'))).toMatchObject([
        { jobId: 'bad', reason: { code: 'SCHEMA_MISMATCH', seq: 3 } },
      ]);
      expect(await bus.done('retry', 'bad')).toContain('1 job back in the inbox');
      const found = await eventually(
        async () =>
          JSON.parse((await bus.command('rejected', 'bad', '--json')).stdout || '[]') as { reason?: { seq: number } }[],
        ([entry]) => (entry?.reason?.seq ?? 0) > 3,
      );
      expect(found).toMatchObject([{ reason: { code: 'SCHEMA_MISMATCH' } }]);
    });

    test('watch and tail give each artifact as it is committed', async () => {
      const bus = world();
      const catalog = await catalogOf(bus);
      const end = new AbortController();
      onTestFinished(() => end.abort());
      const seen: string[] = [];
      const watching = (async () => {
        for await (const { key } of catalog.watch({ since: 0, kind: 'k', signal: end.signal })) seen.push(key);
      })();
      const tail = startChild(process.execPath, [program, 'tail', '--since', '1', '--config', bus.config], bus.folder, {
        NODE_OPTIONS: `--require ${hook}`,
      });
      await (await bus.submit({ jobId: 'later', runId: 'run-4', select: 'SELECT 9 AS x' })).settled();
      await eventually(
        () => tail.stdout(),
        text => text.includes('run-4'),
      );
      await eventually(
        () => seen,
        keys => keys.includes('run-4/p/k/a'),
      );
      end.abort();
      await watching;
      expect(seen).toEqual(['run-1/p/k/a', 'run-2/p/k/a', 'run-4/p/k/a']);
      expect(tail.stdout()).not.toContain('run-1');
      tail.process.kill('SIGINT');
      expect(await tail.ended, tail.stderr()).toEqual({ code: 0, signal: null });
    });

    test('exports are refreshed by hand, and say what they have', async () => {
      const bus = world();
      const exported = JSON.parse(await bus.done('export', '--json')) as Record<string, { ok: boolean; path: string }>;
      expect(exported).toMatchObject({
        newest: { ok: true, rows: 1, error: null },
        ticks: { ok: true, rows: 5, error: null },
      });
      expect(await readParquet(exported.newest?.path ?? '')).toEqual([{ x: 4 }]);
      const before = exported as unknown as Record<string, { as_of_seq: number }>;
      const forced = JSON.parse(await bus.done('export', 'ticks', '--force', '--json'));
      expect(Object.keys(forced)).toEqual(['ticks']);
      expect(forced.ticks.as_of_seq).toBeGreaterThan(before.ticks?.as_of_seq ?? 0);
      expect(await bus.command('export', 'nothing')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('EXPORT_FAILED'),
      });
    });

    test('jobs are listed by state, and one is shown', async () => {
      const bus = world();
      const jobs = JSON.parse(await bus.done('jobs', '--state', 'ingested', '--json', '--producer', 'p'));
      expect(jobs).toMatchObject([{ jobId: 'later', settled: { rows: 1 } }, { jobId: 'two' }, { jobId: 'one' }]);
      expect(JSON.parse(await bus.done('jobs', 'two', '--json'))).toMatchObject({
        state: 'ingested',
        settled: { seq: 2 },
      });
      expect(await bus.command('jobs', 'nobody')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('JOB_NOT_FOUND'),
      });
    });

    test('the status is shown until it is interrupted', async () => {
      const bus = world();
      const args = [program, 'status', '--watch', '1', '--json', '--config', bus.config];
      const watching = startChild(process.execPath, args, bus.folder, { NODE_OPTIONS: `--require ${hook}` });
      const line = await eventually(
        () => watching.stdout().split('\n')[0] ?? '',
        text => text.endsWith('}'),
      );
      expect(JSON.parse(line)).toMatchObject({ jobs: { duplicate: 1 }, artifacts: 3 });
      watching.process.kill('SIGINT');
      expect(await watching.ended, watching.stderr()).toEqual({ code: 0, signal: null });
    });

    test('a file is submitted from a shell, and its receipt printed', async () => {
      const bus = world();
      const file = await writeSelect(bus.folder, 'SELECT 1 AS y');
      const source = ['--producer', 'shell', '--kind', 'k', '--run-id', 'run-9', '--artifact-id', 'a'];
      const said = JSON.parse(await bus.done('submit', file, ...source, '--wait', '--json'));
      expect(said).toMatchObject({ status: 'ingested', artifacts: [{ key: 'run-9/shell/k/a', rows: 1 }] });
      expect(await readParquet(said.receipt.artifacts[0].canonical_path)).toEqual([{ y: 1 }]);
    });

    test('the canonical tables are listed, now and in the past', async () => {
      const listed = async (...args: string[]) => JSON.parse(await world().done('table', 'list', '--json', ...args));
      expect(await listed()).toMatchObject([
        { table_name: 'ticks', mode: 'append', key: [], artifacts: 2, artifact_rows: 5, last_seq: expect.any(Number) },
      ]);
      expect(await listed('--as-of', '1')).toMatchObject([{ table_name: 'ticks', artifacts: 1, artifact_rows: 3 }]);
      expect(await world().done('table', 'list')).toMatch(/canon\.ticks +│ append/);
    });

    test('query answers as the catalog does', async () => {
      const bus = world();
      expect(await bus.done('query', 'SELECT sum(x) AS sum FROM canon.ticks', '--format', 'csv')).toBe('sum\n10\n');
      const out = join(bus.folder, 'out.parquet');
      await bus.done('query', 'FROM canon.ticks', '--as-of', '1', '--format', 'parquet', '--out', out);
      expect(await readParquet(out)).toHaveLength(3);
    });

    test('an artifact that breaks a rule of its table is rejected', async () => {
      const select = "SELECT 5 AS x, 'ok' AS note UNION ALL SELECT 6, 'NO'";
      const bad = await world().submit({ jobId: 'rule', runId: 'run-rule', select, schemaHint: ticks });
      await expect(bad.settled()).rejects.toMatchObject({
        code: 'QUALITY_FAILED',
        details: ['note: NO in row 2 does not match [a-z]* (1 of 2 rows)'],
      });
    });
  },
);
