import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { latestArtifact } from './list-artifacts.js';
import { openCatalog } from './open-catalog.js';
import type { ArtifactFilter, JobFilter, Query, RunFilter } from './queries.js';

/** Views of the public shape, over rows that stand in the statement. */
async function publish(path: string, runs: readonly string[]): Promise<void> {
  const rows = runs.map((run, i) => `(${i + 1}, '${run.replaceAll("'", "''")}')`).join(', ');
  await runIn(
    path,
    'CREATE SCHEMA catalog',
    'CREATE SCHEMA _bus',
    `CREATE VIEW catalog.artifacts_f AS SELECT CAST(seq AS BIGINT) AS seq, 0::BIGINT AS ordinal, run_id || '/p/k/a' AS artifact_key, run_id, 'p' AS producer, 'k' AS kind,
       'a' AS artifact_id, 'job-' || seq AS job_id, 'parquet' AS format, 'store/x' AS rel_path, '/data/' || run_id AS canonical_path, 10::BIGINT AS rows, 100::BIGINT AS bytes,
       'hash' AS sha256, 'canon.t' AS schema_hint, '[{"name":"n","type":"BIGINT","nullable":true}]' AS schema_json, ['in/p/k/a'] AS inputs, '{"x":1,"tags":["nightly","draft"]}' AS meta_json,
       TIMESTAMP '2026-01-01' AS created_at_utc, TIMESTAMP '2026-01-01' + to_days(CAST(seq AS INTEGER)) AS committed_at, CASE WHEN run_id LIKE 'gone%' THEN TIMESTAMP '2026-02-01' END AS forgotten_at, NULL::VARCHAR AS provenance_json
     FROM (VALUES ${rows}) t(seq, run_id)`,
    `CREATE VIEW _bus.journal AS SELECT *, 'ingested' AS status, NULL::VARCHAR AS reject_details FROM catalog.artifacts_f`,
    `CREATE VIEW catalog.lineage_v AS SELECT artifact_key, unnest(inputs) AS input_key FROM catalog.artifacts_f`,
    `CREATE VIEW catalog.jobs_f AS SELECT seq, 'job' AS job_id, 'ingested' AS status, run_id, producer, kind, 1::BIGINT AS artifacts, rows, bytes, committed_at,
       NULL::VARCHAR AS reject_code, NULL::VARCHAR AS reject_error FROM catalog.artifacts_f`,
    `CREATE VIEW catalog.runs_d AS SELECT run_id, [producer] AS producers, [kind] AS kinds, 1::BIGINT AS jobs, 1::BIGINT AS artifacts, rows, bytes, seq AS first_seq, seq AS last_seq,
       committed_at AS first_committed_at, committed_at AS last_committed_at FROM catalog.artifacts_f`,
  );
}

async function published(...runs: string[]): Promise<string> {
  const path = join(temporaryFolder(), 'alerts.duckdb');
  await publish(path, runs);
  return path;
}

test('latest is the newest by the daemon’s order, with everything that there is to know of it', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('one', 'two') });
  expect(await catalog.latest({ producer: 'p', kind: 'k' })).toEqual({
    seq: 2,
    ordinal: 0,
    key: 'two/p/k/a',
    runId: 'two',
    producer: 'p',
    kind: 'k',
    artifactId: 'a',
    jobId: 'job-2',
    path: '/data/two',
    rows: 10,
    bytes: 100,
    sha256: 'hash',
    schemaHint: 'canon.t',
    schema: [{ name: 'n', type: 'BIGINT', nullable: true }],
    inputs: ['in/p/k/a'],
    meta: { x: 1, tags: ['nightly', 'draft'] },
    provenance: null,
    contentHash: null,
    quarantined: null,
    forgottenAt: null,
    submittedAt: new Date('2026-01-01'),
    committedAt: new Date('2026-01-03'),
  });
  expect(await catalog.latest({ producer: 'p', kind: 'nothing' })).toBeUndefined();
});

test('a list has the order and the page that were asked for, and an order that does not exist is refused', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('a', 'b', 'c') });
  const newestFirst = (await catalog.artifacts()).map(({ seq }) => seq);
  const oldestFirst = newestFirst.toReversed();
  expect((await catalog.artifacts({ sort: 'when' })).map(({ seq }) => seq)).toEqual(oldestFirst);
  expect((await catalog.artifacts({ sort: 'when', limit: 2, offset: 1 })).map(({ seq }) => seq)).toEqual(
    oldestFirst.slice(1, 3),
  );
  expect((await catalog.jobs({ sort: '-when', limit: 1 })).map(({ seq }) => seq)).toEqual([Math.max(...newestFirst)]);
  expect((await catalog.runs({ sort: 'run' })).map(({ runId }) => runId)).toEqual(
    (await catalog.runs()).map(({ runId }) => runId).sort(),
  );
  await expect(catalog.jobs({ sort: 'toString' as 'when' })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});

test('a page is a part of the whole list, whatever is asked for', async () => {
  const runs = ['a', "it's b", 'c', 'd', 'e', 'f', 'g'];
  await using catalog = await openCatalog({ duckdbPath: await published(...runs) });
  const { artifacts, jobs, runs: runsOf } = catalog;
  const lists: Record<string, (filter: ArtifactFilter & JobFilter & RunFilter) => Promise<object[]>> = {
    artifacts,
    jobs,
    runs: runsOf,
  };
  const filters = [
    {},
    { text: 'it' },
    { text: 'nothing' },
    { sort: 'run' },
    { sort: '-when' },
    { beforeSeq: 6 },
  ] as const;
  for (const [name, list] of Object.entries(lists))
    for (const filter of [...filters, ...(name === 'runs' ? [] : [{ since: new Date('2026-01-04') }])]) {
      const all = await list(filter);
      expect(await catalog.count(name as 'jobs', { ...filter, limit: 2, offset: 1 }), name).toBe(all.length);
      expect(await list({ ...filter, limit: 1_001 })).toEqual(all);
      for (const limit of [0, 1, 3, 50]) expect(await list({ ...filter, limit }), name).toEqual(all.slice(0, limit));
      expect(await list({ ...filter, limit: 3, offset: 2 }), name).toEqual(all.slice(2, 5));
    }
});

test('artifacts can be asked for by run, producer, kind and time, newest first', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('a', 'b', 'c') });
  const runs = async (filter: Parameters<typeof catalog.artifacts>[0]) =>
    (await catalog.artifacts(filter)).map(a => a.runId);
  expect(await runs({})).toEqual(['c', 'b', 'a']);
  expect(await runs({ runId: 'b' })).toEqual(['b']);
  expect(await runs({ limit: 1 })).toEqual(['c']);
  expect(await runs({ beforeSeq: 3 })).toEqual(['b', 'a']);
  expect(await runs({ key: 'b/p/k/a' })).toEqual(['b']);
  expect(await runs({ since: new Date('2026-01-03'), until: new Date('2026-01-04') })).toEqual(['b']);
  expect(await runs({ producer: "p' OR true --" })).toEqual([]);
});

test('artifacts, runs and jobs can be asked for by words, and by fields of meta', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('alpha', 'beta') });
  const artifacts = async (text: string) => (await catalog.artifacts({ text })).map(a => a.runId);
  expect(await artifacts('')).toEqual(['beta', 'alpha']);
  expect(await artifacts('ALP')).toEqual(['alpha']);
  expect(await artifacts(' a/p/k  canon.T ')).toEqual(['beta', 'alpha']);
  expect(await artifacts('alpha beta')).toEqual([]);
  expect(await artifacts('meta.x=1 bet')).toEqual(['beta']);
  expect(await artifacts('meta.x=2')).toEqual([]);
  expect(await artifacts('meta.x.y=1')).toEqual([]);
  expect(await artifacts('meta.tags=draft alp')).toEqual(['alpha']);
  expect(await artifacts('meta.tags=draf')).toEqual([]);
  expect(await artifacts('100%')).toEqual([]);
  expect((await catalog.runs({ text: 'ET' })).map(run => run.runId)).toEqual(['beta']);
  expect((await catalog.jobs({ text: 'job ALPHA' })).map(job => job.runId)).toEqual(['alpha']);
});

test('a page that ends within a job goes on with the rest of the job', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('a', 'b') });
  const runs = async (beforeSeq: number, beforeOrdinal: number) =>
    (await catalog.artifacts({ beforeSeq, beforeOrdinal })).map(a => a.runId);
  expect(await runs(2, 0)).toEqual(['a']);
  expect(await runs(2, 1)).toEqual(['b', 'a']);
});

test('runs, jobs and lineage', async () => {
  await using catalog = await openCatalog({ duckdbPath: await published('a', 'b') });
  expect((await catalog.runs({ limit: 1 })).map(run => [run.runId, run.producers, run.lastSeq])).toEqual([
    ['b', ['p'], 2],
  ]);
  expect(await catalog.job('job')).toMatchObject({ seq: 2, status: 'ingested', rejectCode: null });
  expect(await catalog.job('nobody')).toBeUndefined();
  const jobs = async (filter: Parameters<typeof catalog.jobs>[0]) =>
    (await catalog.jobs(filter)).map(job => [job.seq, job.runId]);
  expect(await jobs({})).toEqual([
    [2, 'b'],
    [1, 'a'],
  ]);
  expect(await jobs({ limit: 1 })).toEqual([[2, 'b']]);
  expect(await jobs({ status: 'ingested', runId: 'a', producer: 'p', kind: 'k' })).toEqual([[1, 'a']]);
  expect(await jobs({ status: 'rejected' })).toEqual([]);
  expect(await catalog.lineage('a/p/k/a')).toMatchObject({ inputs: ['in/p/k/a'], outputs: [] });
  expect((await catalog.lineage('in/p/k/a')).outputs).toEqual(['a/p/k/a', 'b/p/k/a']);
});

test('latest is the newest that is not forgotten, and reads all artifacts only if hundreds were', async () => {
  const gone = (count: number) => Array.from({ length: count }, (_, index) => `gone-${index}`);
  const asked: string[] = [];
  const latest = async (...runs: string[]) => {
    await using catalog = await openCatalog({ duckdbPath: await published(...runs) });
    asked.length = 0;
    const query: Query = (sql, given) => {
      asked.push(sql);
      return catalog.query(sql, given);
    };
    return (await latestArtifact(query, { producer: 'p', kind: 'k' }))?.run_id;
  };
  const readsAll = () => asked.some(sql => sql.includes('forgotten_at IS NULL'));
  expect([await latest('a', 'b', 'gone'), readsAll()]).toEqual(['b', false]);
  expect([await latest('a', ...gone(99)), readsAll()]).toEqual(['a', false]);
  expect([await latest(...gone(99)), readsAll()]).toEqual([undefined, false]);
  expect([await latest('a', ...gone(150)), readsAll()]).toEqual(['a', true]);
  expect(await latest(...gone(150))).toBeUndefined();
});

test('a catalog that stays open goes over to the database that is published now, also with many calls at once', async () => {
  const path = await published('old');
  await using catalog = await openCatalog({ duckdbPath: path });
  expect((await catalog.latest({ producer: 'p', kind: 'k' }))?.runId).toBe('old');
  await publish(`${path}.new`, ['old', 'new']);
  renameSync(`${path}.new`, path);
  const answers = await Promise.all(Array.from({ length: 20 }, () => catalog.latest({ producer: 'p', kind: 'k' })));
  expect(new Set(answers.map(artifact => artifact?.runId))).toEqual(new Set(['new']));
});

test('where no database is, the error says what to do; after close, that it is closed', async () => {
  await expect(openCatalog({ duckdbPath: join(temporaryFolder(), 'no.duckdb') })).rejects.toMatchObject({
    code: 'DATABASE_NOT_FOUND',
    hint: expect.stringContaining('daemon'),
  });
  const catalog = await openCatalog({ duckdbPath: await published('a') });
  await catalog.close();
  await expect(catalog.runs()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('a catalog that is open goes on answering while the database is missing', async () => {
  const path = await published('one');
  await using catalog = await openCatalog({ duckdbPath: path });
  rmSync(path);
  expect((await catalog.runs()).map(run => run.runId)).toEqual(['one']);
});
