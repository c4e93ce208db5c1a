import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { CommitUnknown, commitBatch, type Head, resolveCommit, rowsBetween, type Submission } from './journal.js';
import { migrate, mustBeCurrent } from './migrate.js';
import { Postgres } from './postgres/postgres.js';
import { releaseJobs, takeJobs } from './work.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

async function database(): Promise<{ postgres: Postgres; url: string }> {
  const url = await server.newDatabase();
  const postgres = new Postgres(url);
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  return { postgres, url };
}

const submission = (id: string): Submission => ({
  claim: `claim-${id}`,
  jobId: id,
  manifestSha256: `sha-${id}`,
  retryOf: 0,
});

const row = ({ claim, jobId, manifestSha256 }: Submission, seq: number, key = jobId): JournalRow => ({
  ...emptyRow,
  seq,
  ordinal: 0,
  claim,
  committed_at: 1_700_000_000_001,
  status: 'ingested',
  job_id: jobId,
  manifest_sha256: manifestSha256,
  artifact_key: key,
  sha256: 'x',
  rel_path: key,
});

/** Commits each job that nobody has committed, as a batch of its own. */
const commit = (postgres: Postgres, jobs: readonly Submission[]) =>
  commitBatch(
    postgres,
    { jobs, keys: jobs.map(({ jobId }) => jobId), objects: [], schemasAfter: 0 },
    async ({ lastSeq, earlier }) => ({
      rows: jobs.filter(({ claim }) => !earlier.has(claim)).map((job, i) => row(job, lastSeq + 1 + i)),
      tables: [],
    }),
  );

test('once a newer program has migrated the schema, an older one neither commits nor starts', async () => {
  const { postgres } = await database();
  await commit(postgres, [submission('before')]);
  await postgres.query(`INSERT INTO bus.migrations (version, name) VALUES (999, 'later')`);
  const newer = { code: 'CLUSTER_NEWER', disposition: 'stop' };
  await expect(commit(postgres, [submission('after')])).rejects.toMatchObject(newer);
  await expect(mustBeCurrent(postgres)).rejects.toMatchObject(newer);
  await expect(migrate(postgres)).rejects.toMatchObject(newer);
  expect((await rowsBetween(postgres, 0, 10)).map(({ job_id }) => job_id)).toEqual(['before']);
});

test('a program that is newer than the schema does not start before the schema is migrated', async () => {
  const { postgres } = await database();
  await postgres.query('DELETE FROM bus.migrations WHERE version = (SELECT max(version) FROM bus.migrations)');
  await expect(mustBeCurrent(postgres)).rejects.toMatchObject({ code: 'CLUSTER_OLDER' });
});

test('a migration waits for the commits that are on their way', async () => {
  const { postgres } = await database();
  const done: string[] = [];
  const submitted = submission('slow');
  const committing = commitBatch(
    postgres,
    { jobs: [submitted], keys: [], objects: [], schemasAfter: 0 },
    async ({ lastSeq }) => {
      const migrating = migrate(postgres).then(() => done.push('migrated'));
      onTestFinished(async () => void (await migrating));
      await sleep(200);
      done.push('decided');
      return { rows: [row(submitted, lastSeq + 1)], tables: [] };
    },
  );
  await committing;
  await expect.poll(() => done).toEqual(['decided', 'migrated']);
});

/** Passes bytes on to PostgreSQL. When armed, it cuts the connection after a COMMIT was sent. */
async function proxy(): Promise<{ port: number; arm(): void }> {
  let armed = false;
  const sockets = new Set<Socket>();
  const listener: Server = createServer(client => {
    const upstream = connect(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}));
    client.on('data', data => {
      upstream.write(data);
      if (!armed || !data.includes('COMMIT')) return;
      armed = false;
      client.destroy(); // PostgreSQL gets the COMMIT; its answer goes nowhere
      setTimeout(() => upstream.destroy(), 200);
    });
    upstream.on('data', data => client.write(data));
    client.on('close', () => setTimeout(() => upstream.destroy(), 200));
  });
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address() as { port: number };
  return {
    port: address.port,
    arm: () => {
      armed = true;
    },
  };
}

test('keeps rows as they were committed, and numbers jobs without gaps', async () => {
  const { postgres } = await database();
  expect(await commit(postgres, [submission('a'), submission('b')])).toMatchObject({ firstSeq: 1, lastSeq: 2 });
  expect(await commit(postgres, [submission('c')])).toMatchObject({ firstSeq: 3, lastSeq: 3 });
  expect(await rowsBetween(postgres, 1, 2)).toEqual([row(submission('a'), 1), row(submission('b'), 2)]);
});

test('commits a submission once, whoever commits it again', async () => {
  const { postgres } = await database();
  await commit(postgres, [submission('a')]);
  const again = { ...submission('a'), claim: 'another daemon' };
  const { firstSeq, lastSeq, earlier } = await commit(postgres, [again, submission('b')]);
  expect([...earlier]).toEqual([['another daemon', 1]]);
  expect([firstSeq, lastSeq]).toEqual([2, 2]);
});

test('many daemons that commit at once get seqs without gap and without doubles', async () => {
  const { postgres } = await database();
  const ids = Array.from({ length: 15 }, (_, i) => `job-${i}`);
  const all = await Promise.all(
    [0, 1, 2].flatMap(daemon => ids.map(id => commit(postgres, [{ ...submission(id), claim: `${daemon}-${id}` }]))),
  );
  expect(all.filter(({ firstSeq, lastSeq }) => firstSeq <= lastSeq).length).toBe(15);
  const rows = await rowsBetween(postgres, 1, 1000);
  expect(rows.map(({ seq }) => seq)).toEqual(ids.map((_, i) => i + 1));
  expect(new Set(rows.map(({ job_id }) => job_id)).size).toBe(15);
});

test('a commit whose answer is lost is unknown until PostgreSQL has told what became of it', async () => {
  const { url } = await database();
  const { port, arm } = await proxy();
  const through = new Postgres(url.replace(/:\d+\//, `:${port}/`));
  onTestFinished(() => through.close());
  arm();
  await expect(commit(through, [submission('a')])).rejects.toThrow(CommitUnknown);
  expect(await resolveCommit(through, ['claim-a'])).toEqual({ firstSeq: 1, lastSeq: 1 });
  expect(await resolveCommit(through, ['claim-z'])).toBeUndefined();
  expect(await commit(through, [submission('b')])).toMatchObject({ firstSeq: 2 });
});

test('what PostgreSQL refuses is not unknown: nothing was committed', async () => {
  const { postgres } = await database();
  await commit(postgres, [submission('a')]);
  const sameKey = commitBatch(
    postgres,
    { jobs: [submission('b')], keys: [], objects: [], schemasAfter: 0 },
    async () => ({
      rows: [row(submission('b'), 2, 'a')],
      tables: [],
    }),
  );
  await expect(sameKey).rejects.toThrow(/journal_keys/);
  expect(await commit(postgres, [submission('c')])).toMatchObject({ firstSeq: 2 });
});

test('text that PostgreSQL cannot hold does not stop a commit', async () => {
  const { postgres } = await database();
  await commitBatch(postgres, { jobs: [submission('a')], keys: [], objects: [], schemasAfter: 0 }, async () => ({
    rows: [{ ...row(submission('a'), 1), reject_error: 'NUL \0 and half \ud800 a pair' }],
    tables: [],
  }));
  expect((await rowsBetween(postgres, 1, 1))[0]?.reject_error).toBe('NUL \uFFFD and half \uFFFD a pair');
});

test('a job has one lease at a time, which ends', async () => {
  const lease = (leaseS: number) => ({ leaseS, limit: 10 });
  const { postgres } = await database();
  expect([...(await takeJobs(postgres, 'one', ['a', 'b'], lease(30)))].sort()).toEqual(['a', 'b']);
  expect([...(await takeJobs(postgres, 'two', ['a', 'd', 'b', 'c'], { leaseS: 30, limit: 1 }))]).toEqual(['d']);
  await releaseJobs(postgres, 'one', ['a']);
  expect([...(await takeJobs(postgres, 'two', ['a', 'b'], lease(0)))]).toEqual(['a']);
  expect([...(await takeJobs(postgres, 'three', ['a', 'b'], lease(30)))]).toEqual(['a']); // that lease has ended
});

test('migrations that run at once run once', async () => {
  const url = await server.newDatabase();
  const postgres = new Postgres(url);
  onTestFinished(() => postgres.close());
  const ran = await Promise.all([migrate(postgres), migrate(postgres), migrate(postgres)]);
  expect(ran.flat()).toEqual([
    '001-journal.sql',
    '002-exports.sql',
    '003-export-runs.sql',
    '004-datasets.sql',
    '005-rows-with-their-job.sql',
    '006-forgetting.sql',
    '007-places.sql',
    '008-condemned-orphans.sql',
    '009-operated-tables.sql',
    '010-tokens.sql',
    '011-uploads.sql',
    '012-outcomes.sql',
    '013-upkeep.sql',
  ]);
});

sampled('a restart of PostgreSQL fails what was under way and nothing later', async () => {
  const { postgres } = await database();
  await commit(postgres, [submission('a')]);
  await server.restart();
  await commit(postgres, [submission('b')]).catch(() => {});
  await commit(postgres, [submission('b')]);
  expect((await rowsBetween(postgres, 1, 9)).map(({ job_id }) => job_id)).toEqual(['a', 'b']);
});

test('the journal holds each text as it was sent, but for what PostgreSQL cannot hold', async () => {
  const { postgres } = await database();
  const texts = [
    '',
    '\x1e',
    '\x1f',
    '\x1f\x1e',
    '\x1e\x1f\x1e\x1e',
    'a\x1fb',
    '{"a","b"}',
    'NULL',
    '\\N\n\t"\'',
    '🜁é',
    null,
  ];
  const commitTexts = (own: readonly (string | null)[], round: number) =>
    commitBatch(
      postgres,
      { jobs: own.map((_, i) => submission(`${round}-${i}`)), keys: [], objects: [], schemasAfter: 0 },
      async ({ lastSeq }) => ({
        rows: own.map((text, i) => ({
          ...row(submission(`${round}-${i}`), lastSeq + 1 + i),
          reject_error: text,
          schema_json: text,
          rows: i === 0 ? null : i,
        })),
        tables: [],
      }),
    );
  await commitTexts(texts, 0);
  for (const [i, text] of texts.entries()) await commitTexts([text], i + 1);
  await commitTexts(['a\0b', '\ud800', 'a\udc00'], 99);
  const found = await rowsBetween(postgres, 0, 100);
  const wanted = [...texts, ...texts, 'a\uFFFDb', '\uFFFD', 'a\uFFFD'];
  expect(found.map(({ reject_error }) => reject_error)).toEqual(wanted);
  expect(found.map(({ schema_json }) => schema_json)).toEqual(wanted);
  expect(found.slice(0, 3).map(({ rows }) => rows)).toEqual([null, 1, 2]);
});

test('a batch knows the artifacts, the schemas and the submissions that others have committed', async () => {
  const { postgres } = await database();
  const [one, two] = [submission('one'), submission('two\x1f')];
  const schema = { schema_hint: 'canon.t', schema_json: '[{"name":"x"}]' };
  const write = (jobs: Submission[], seen: Head[]) =>
    commitBatch(postgres, { jobs, keys: jobs.map(({ jobId }) => jobId), objects: [], schemasAfter: 0 }, async head => {
      seen.push(head);
      const rows = jobs.filter(({ claim }) => !head.earlier.has(claim));
      return { rows: rows.map((job, i) => ({ ...row(job, head.lastSeq + 1 + i), ...schema })), tables: ['t'] };
    });
  const seen: Head[] = [];
  await write([one], seen);
  await write([one, two], seen);
  await write([two], seen);
  expect(
    seen.map(({ lastSeq, known, earlier, schemas }) => ({
      lastSeq,
      known: [...known.keys()],
      earlier: [...earlier],
      schemas: schemas.map(({ seq }) => seq),
    })),
  ).toEqual([
    { lastSeq: 0, known: [], earlier: [], schemas: [] },
    { lastSeq: 1, known: ['one'], earlier: [[one.claim, 1]], schemas: [1] },
    { lastSeq: 2, known: ['two\x1f'], earlier: [[two.claim, 2]], schemas: [1] },
  ]);
});
