import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const key = encodeURIComponent('run-1/p/k/a');

/** One artifact in a table, one made from it, and a rejected job. */
async function furnish(world: World): Promise<void> {
  const ticks = { schemaHint: 'canon.ticks' };
  await (await world.submit({ jobId: 'one', select: 'SELECT range AS x FROM range(3)', ...ticks })).settled();
  const second = { jobId: 'two', runId: 'run-2', inputs: ['run-1/p/k/a'], select: 'SELECT 5 AS x, 1.5 AS y', ...ticks };
  await (await world.submit(second)).settled();
  const bad = await world.submit({ jobId: 'bad', runId: 'run-3', select: "SELECT 'text' AS x", ...ticks });
  await bad.settled().catch(() => {});
}

const charts = [{ title: 'x', sql: 'SELECT x, x FROM canon.ticks' }];
const command = ['sh', '-c', '(cat; echo) >> told.jsonl'];

describeBothWorlds(
  { http: { listen: '127.0.0.1:0', charts }, notify: [{ name: 'told', command, on: ['rejected'], group_wait_s: 0 }] },
  furnish,
  world => {
    const get = async (path: string) => {
      const { status, json, text } = await world().ask(`/api/v1${path}`);
      expect(status, text).toBe(200);
      return json as Record<string, unknown>;
    };

    test('the status has the totals of the whole bus', async () => {
      const status = await eventually(
        () => get('/status'),
        ({ queue, state }) => JSON.stringify(queue) === '{"inbox":0,"claimed":0}' && state === 'running',
      );
      expect(status).toMatchObject({
        lastSeq: 3,
        jobs: { ingested: 2, duplicate: 0, rejected: 1, done: 0 },
        artifacts: 2,
        rows: 4,
        cause: null,
        damage: [],
        cluster: world().kind === 'a cluster' ? { publishes: true, publishedSeq: 3, daemons: 1 } : null,
      });
    });

    test('the files of artifacts and exports are sent', async () => {
      const exported = () => world().ask('/exports/ticks.parquet');
      expect((await eventually(exported, ({ status }) => status === 200)).text.slice(0, 4)).toBe('PAR1');
      expect((await world().ask('/api/v1/artifacts/run-1/p/k/a/file')).text.slice(0, 4)).toBe('PAR1');
      expect((await world().ask('/api/v1/artifacts/run-1/p/k/b/file')).json).toMatchObject({
        error: { code: 'ARTIFACT_NOT_FOUND' },
      });
    });

    test('jobs, runs, artifacts and lineage are those of the catalog', async () => {
      const { jobs } = await get('/jobs');
      expect(jobs).toMatchObject([
        { jobId: 'bad', state: 'rejected', rejection: { code: 'SCHEMA_MISMATCH', canRetry: true } },
        { jobId: 'two', state: 'ingested', settled: { seq: 2 } },
        { jobId: 'one', state: 'ingested' },
      ]);
      const { rejection } = (jobs as { rejection: { details: string[] } }[])[0] ?? {};
      expect(rejection?.details).toEqual([expect.stringContaining('x')]);
      expect(await get('/jobs/two')).toMatchObject({ settled: { runId: 'run-2' } });
      expect(await get('/runs?limit=1')).toMatchObject({ runs: [{ runId: 'run-2' }] });
      expect(await get('/artifacts?run=run-1')).toMatchObject({ artifacts: [{ key: 'run-1/p/k/a', rows: 3 }] });
      expect(await get(`/lineage?key=${key}`)).toMatchObject({ outputs: ['run-2/p/k/a'] });
    });

    test('an artifact is streamed as Arrow', async () => {
      const [{ path } = { path: '' }] = ((await get('/artifacts?run=run-1')) as { artifacts: { path: string }[] })
        .artifacts;
      const answer = await world().ask('/api/v1/rows.arrow', { sql: `FROM read_parquet('${path}')` });
      expect(answer.status, answer.text).toBe(200);
    });

    test('a table is streamed as Parquet', async () => {
      const path = join(temporaryFolder(), 'ticks.parquet');
      const answer = await fetch(`${world().daemon.url}/api/v1/tables/ticks/rows.parquet`);
      writeFileSync(path, Buffer.from(await answer.arrayBuffer()));
      const rows = await readParquet(path, { columns: ['x'] });
      expect(rows.map(({ x }) => Number(x)).sort()).toEqual([0, 1, 2, 5]); // a table has no order
    });

    test('an artifact is previewed, and a query answered', async () => {
      expect(await get(`/preview?key=${key}&limit=2`)).toMatchObject({ rows: [[0], [1]], isCut: true });
      const { json } = await world().ask('/api/v1/query', { sql: 'SELECT sum(x) AS sum FROM canon.ticks' });
      expect(json).toMatchObject({ columns: [{ name: 'sum' }], rows: [[8]] });
      const outside = await world().ask('/api/v1/query', { sql: "FROM read_text('/etc/passwd')" });
      expect(outside.json).toMatchObject({ error: { code: 'OUT_OF_REACH' } });
      expect(await get('/charts')).toEqual({ charts });
      expect(await get(`/forget-preview?key=${key}`)).toMatchObject({ status: 'forgotten', rows: 'kept' });
    });

    test('tables have their columns, and the changes of them', async () => {
      expect(await get('/tables')).toMatchObject({
        tables: [
          {
            name: 'ticks',
            artifacts: 2,
            artifactRows: 4,
            lastSeq: 2,
            columns: [{ name: 'x', type: 'BIGINT' }, { name: 'y' }],
          },
        ],
      });
      expect(await get('/tables/ticks/history')).toMatchObject({
        changes: [
          { seq: 1, changes: [{ column: 'x', from: null }] },
          { seq: 2, changes: [{ column: 'y', from: null }] },
        ],
      });
    });

    test('exports say where they are and what they have', async () => {
      const { exports } = await eventually(
        () => get('/exports') as Promise<{ exports: { upToDate: boolean }[] }>,
        ({ exports: [ticks] }) => ticks?.upToDate === true,
      );
      expect(exports).toMatchObject([{ name: 'ticks', ok: true, rows: 4, files: 1, error: null }]);
    });

    test('a rejected job is retried over HTTP, events tell of it, and the hook hears of it again', async () => {
      const bus = world();
      const end = new AbortController();
      const events = await fetch(`${bus.daemon.url}/api/v1/events`, { signal: end.signal });
      let heard = '';
      const listening = (async () => {
        for await (const chunk of events.body ?? []) heard += Buffer.from(chunk).toString();
      })().catch(() => {});
      expect((await bus.ask('/api/v1/jobs/bad/retry', {})).json).toEqual({ jobId: 'bad' });
      await eventually(
        () => get('/status') as Promise<{ lastSeq: number }>,
        ({ lastSeq }) => lastSeq === 4,
      );
      await eventually(
        () => heard,
        text => /event: changed\ndata: \[.*"jobs"/.test(text),
      );
      end.abort();
      await listening;
      const told = await eventually(
        () => readFileSync(join(bus.folder, 'told.jsonl'), 'utf8').trim().split('\n'),
        lines => lines.length === 2,
      );
      const [, last] = told.map(line => JSON.parse(line));
      expect(last).toMatchObject({ event: 'rejected', jobs: [{ job_id: 'bad', seq: 4, code: 'SCHEMA_MISMATCH' }] });
      expect(last.jobs[0].path).toContain('rejected/bad');
      expect(last.bus_root).toBe(bus.root);
    });

    test('hooks are tested by hand', async () => {
      expect(JSON.parse(await world().done('notify', 'test', '--json'))).toMatchObject([{ name: 'told', ok: true }]);
    });

    test('health checks say what they look at', async () => {
      expect((await world().ask('/healthz')).json).toEqual({ ok: true, state: 'running' });
      const checks = world().kind === 'a cluster' ? { postgres: true, objects: true } : { lock: true, published: true };
      expect((await world().ask('/readyz')).json).toMatchObject({ ok: true, checks: { running: true, ...checks } });
    });

    test('metrics are those of docs/reference/metrics.md for this kind of bus', async () => {
      const { text } = await eventually(
        () => world().ask('/metrics'),
        answer => answer.text.includes('quantbot_bus_queue_jobs{state="claimed"} 0'),
      );
      const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/metrics.md'), 'utf8');
      const section = (title: string) => page.split(`## ${title}`)[1]?.split('\n## ')[0] ?? '';
      const own = world().kind === 'a cluster' ? 'Only on a cluster' : 'Only on one machine';
      const documented = [page.split('\n## ')[0] ?? '', section(own)].flatMap(part =>
        [...part.matchAll(/^\| `(quantbot_bus_\w+)` \|/gm)].map(([, name]) => name),
      );
      const served = [...text.matchAll(/^# TYPE (quantbot_bus_\w+) /gm)].map(([, name]) => name);
      expect(served.sort()).toEqual(documented.sort());
      for (const line of [
        'quantbot_bus_jobs_total{outcome="ingested"} 2',
        'quantbot_bus_rejections_total{code="SCHEMA_MISMATCH"} 2',
        'quantbot_bus_store_artifacts 2',
        'quantbot_bus_last_seq 4',
        'quantbot_bus_state{state="running"} 1',
        'quantbot_bus_queue_jobs{state="claimed"} 0',
        'quantbot_bus_export_ok{export="ticks"} 1',
      ])
        expect(text.split('\n')).toContain(line);
      for (const stage of ['verify', 'commit', 'publish', 'settle'])
        expect(text).toMatch(new RegExp(`quantbot_bus_stage_duration_seconds_count\\{stage="${stage}"\\} [1-9]`));
    });
  },
  ['campaign'],
);
