import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { query } from '@quantbot/bus-format/duckdb';
import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';
import type { ParquetColumn } from '@quantbot/infra';
import type { DeclaredTable } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { type OpenLake, openLake } from '@quantbot/storage/lake';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noteFragment } from './fragments.js';
import { commitBatch } from './journal.js';
import { dropLake } from './lake/drop-lake.js';
import { dropOldFiles } from './lake/erase.js';
import { isLakeWhole, maintainLake } from './lake/maintenance.js';
import { LakePublisher } from './lake/publisher.js';
import { migrate } from './migrate.js';
import { Postgres } from './postgres/postgres.js';

const extensions = duckdbExtensions();
if ('missing' in extensions) console.error(`SKIPPED: ${extensions.missing}`);

describe.skipIf('missing' in extensions)('the lake', () => {
  let server: PostgresServer;
  const shared = sharedFolder();
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.stop();
    await shared.remove();
  });

  async function cluster() {
    const url = await server.newDatabase();
    const root = join(shared.folder, url.slice(-4));
    for (const folder of ['lake/t', 'exports']) mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 'exports', '_export_status.json'), '{"exports":{}}');
    const place = { root, objects: await openObjects(`file://${root}`), workFolder: root };
    const postgres = new Postgres(url);
    await migrate(postgres);
    const address = { postgres: url, root, extensions: (extensions as { folder: string }).folder };
    const lakes: OpenLake[] = [];
    const open = async (readOnly: boolean) => {
      const lake = await openLake(address, { readOnly });
      await lake.connection.run('USE lake');
      lakes.push(lake);
      return lake;
    };
    const publisherOf = async (declared: DeclaredTable[] = []) => {
      const publisher = new LakePublisher({
        postgres,
        lake: await open(false),
        place,
        declared,
        info: {
          dataRoot: root,
          exportDir: join(root, 'exports'),
          duckdbPath: url,
          ...{ busId: 'b', daemonVersion: '0', duckdbVersion: '0' },
        },
      });
      await publisher.prepare();
      return publisher;
    };
    onTestFinished(async () => {
      for (const lake of lakes) lake.close();
      await postgres.close();
    });
    return { url, root, place, address, postgres, open, publisherOf };
  }

  /** Commits one job with one file of a canonical table; the file is written by its seq. */
  async function commit(
    { postgres, root, open }: Awaited<ReturnType<typeof cluster>>,
    id: string,
    { columns, values }: { columns: ParquetColumn[]; values: string },
  ) {
    const job = { claim: `claim-${id}`, jobId: `job-${id}`, manifestSha256: id, retryOf: 0 };
    const batch = { jobs: [job], keys: [], objects: [], schemasAfter: 0 };
    const { firstSeq } = await commitBatch(postgres, batch, async head => ({
      rows: [rowOf(id, head.lastSeq + 1, columns)],
      tables: ['t'],
    }));
    const object = `lake/t/${firstSeq}.parquet`;
    await (await open(true)).connection.run(
      `COPY (SELECT *, ${firstSeq}::BIGINT AS _seq, 0::BIGINT AS _ordinal, 0::BIGINT AS _row, 'key-${id}' AS _artifact_key FROM (${values})) TO '${root}/${object}' (FORMAT parquet, WRITE_BLOOM_FILTER false)`,
    );
    const fragment = { firstSeq, lastSeq: firstSeq, table: 't', restores: 0, restoresTo: 0 };
    await noteFragment(postgres, { ...fragment, object, rows: 1 });
    return firstSeq;
  }

  const rowOf = (id: string, seq: number, columns: ParquetColumn[]): JournalRow => ({
    ...emptyRow,
    ...{ seq, ordinal: 0, claim: `claim-${id}` },
    committed_at: 1_700_000_000_123,
    status: 'ingested',
    job_id: `job-${id}`,
    manifest_sha256: id,
    ...{ run_id: 'r', producer: 'p', kind: 'k', artifact_id: id },
    artifact_key: `key-${id}`,
    rel_path: `store/p/k/${id}.parquet`,
    ...{ rows: 1, bytes: 1, sha256: id },
    schema_hint: 'canon.t',
    schema_json: JSON.stringify(columns),
  });

  const column = (name: string, type: string): ParquetColumn => ({ name, type, nullable: true });

  test('takes declared tables whose first artifact has just their columns, and forgets while another has none yet', async () => {
    const bus = await cluster();
    const x = { name: 'x', type: 'INTEGER', notNull: false };
    const declared = (name: string) => ({ name, mode: 'append' as const, key: [], orderBy: [], columns: [x] });
    const publisher = await bus.publisherOf([declared('t'), declared('later')]);
    const lake = await bus.open(false);
    const columns = [column('x', 'INTEGER')];
    await commit(bus, 'a', { columns, values: 'SELECT 1::INTEGER AS x' });
    expect(await publisher.publish()).toBe(1);
    expect(await query(lake.connection, 'SELECT x FROM canon.t')).toEqual([{ x: 1 }]);
    const job = { claim: 'claim-f', jobId: 'job-f', manifestSha256: 'f', retryOf: 0 };
    const ofArtifact = { schema_hint: null, schema_json: null, artifact_key: null, rel_path: null };
    const base = { ...rowOf('f', 2, columns), ...ofArtifact };
    await commitBatch(bus.postgres, { jobs: [job], keys: [], objects: [], schemasAfter: 1 }, async () => ({
      rows: [
        { ...base, status: 'done', op_json: '{"type":"forget"}' },
        { ...rowOf('a', 2, columns), ...{ claim: 'claim-f', job_id: 'job-f', ordinal: 1, status: 'erased' as const } },
      ],
      tables: [],
    }));
    expect(await publisher.publish()).toBe(2);
    expect(await query(lake.connection, 'SELECT x FROM canon.t')).toEqual([]);
    expect([await dropOldFiles(lake, 60_000), await dropOldFiles(lake, 0)]).toEqual([false, true]);
  });

  test('shows what was committed, exactly once, also after new columns and wider types', async () => {
    const bus = await cluster();
    const publisher = await bus.publisherOf();
    const reader = await bus.open(true); // attached before anything was published
    await commit(bus, 'a', { columns: [column('x', 'DECIMAL(4,2)')], values: 'SELECT 1.25::DECIMAL(4,2) AS x' });
    expect(await publisher.publish()).toBe(1);
    expect(await publisher.publish()).toBe(1);
    await commit(bus, 'b', {
      columns: [column('x', 'DECIMAL(10,4)'), column('y', '"NULL"[]')],
      values: 'SELECT 12345.0001::DECIMAL(10,4) AS x, []::INTEGER[] AS y',
    });
    await commit(bus, 'c', { columns: [column('y', 'VARCHAR[]')], values: `SELECT ['z']::VARCHAR[] AS y` });
    expect(await publisher.publish()).toBe(2); // a change of the table comes alone
    expect(await publisher.publish()).toBe(3);
    const rows = await query(reader.connection, 'SELECT CAST(x AS VARCHAR) AS x, y, _seq FROM canon.t ORDER BY _seq');
    expect(rows).toEqual([
      { x: '1.2500', y: null, _seq: 1n },
      { x: '12345.0001', y: [], _seq: 2n },
      { x: null, y: ['z'], _seq: 3n },
    ]);
    expect(
      await query(
        reader.connection,
        'SELECT seq, artifact_key, canonical_path, committed_at FROM catalog.artifacts_f ORDER BY seq LIMIT 1',
      ),
    ).toEqual([
      {
        seq: 1n,
        artifact_key: 'key-a',
        canonical_path: `${bus.root}/store/p/k/a.parquet`,
        committed_at: new Date(1_700_000_000_123),
      },
    ]);
  });

  test('a lake of an earlier version, or of a publisher that was killed, gets its views and options', async () => {
    const bus = await cluster();
    await bus.publisherOf();
    await commit(bus, 'a', { columns: [column('x', 'BIGINT')], values: 'SELECT 1::BIGINT AS x' });
    await (await bus.publisherOf()).publish();
    const { connection } = await bus.open(false);
    const options = 'FROM __ducklake_metadata_lake.ducklake_metadata WHERE scope_id IS NOT NULL';
    await connection.run(`DELETE ${options}; DROP VIEW catalog.forgotten_f; DROP VIEW catalog.jobs_f`);
    await bus.publisherOf();
    expect(await query(connection, `SELECT count(*) AS n ${options}`)).toEqual([{ n: 2n }]);
    const shown = 'SELECT table_name, (SELECT count(*) FROM catalog.forgotten_f) AS gone FROM catalog.tables_d';
    expect(await query(connection, shown)).toEqual([{ table_name: 't', gone: 0n }]);
  });

  sampled('two publishers at once publish each commit once', async () => {
    const bus = await cluster();
    const publishers = [await bus.publisherOf(), await bus.publisherOf()];
    const columns = [column('x', 'BIGINT')];
    for (let i = 0; i < 6; i++) {
      await commit(bus, `j${i}`, { columns, values: `SELECT ${i}::BIGINT AS x` });
      await Promise.allSettled(publishers.map(publisher => publisher.publish()));
    }
    await publishers[0]?.publish();
    const reader = await bus.open(true);
    const numbers = "SELECT string_agg(x, ' ' ORDER BY _seq) AS x FROM canon.t";
    expect(await query(reader.connection, numbers)).toEqual([{ x: '0 1 2 3 4 5' }]);
    expect(await query(reader.connection, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 6n }]);
  });

  sampled('maintenance merges files and removes old ones, and readers see the same', async () => {
    const bus = await cluster();
    const publisher = await bus.publisherOf();
    const reader = await bus.open(true);
    const lake = await bus.open(false);
    const columns = [column('x', 'BIGINT'), column('b', 'BLOB')];
    // A Bloom filter would hide these rows.
    const shown = () =>
      query(
        reader.connection,
        `SELECT x, _seq, _artifact_key, count(*) AS n FROM canon.t WHERE b = '\\xFF\\x00'::BLOB GROUP BY ALL ORDER BY _seq`,
      );
    const listed = () => query(reader.connection, 'SELECT seq, artifact_key FROM catalog.artifacts_f ORDER BY seq');
    const add = async (from: number) => {
      for (let i = from; i < from + 4; i++)
        await commit(bus, `j${i}`, {
          columns,
          values: `SELECT ${i}::BIGINT AS x, '\\xFF\\x00'::BLOB AS b FROM range(100)`,
        });
      await publisher.publish();
      return publisher.publish();
    };
    await add(0);
    const before = [await shown(), await listed()];
    const limits = { inlinedRows: 3, smallFiles: 3, snapshotsS: 0, filesS: 0 };
    expect(before[0]).toMatchObject([{ n: 100n }, { n: 100n }, { n: 100n }, { n: 100n }]);
    expect(await maintainLake(lake, bus.place, limits)).toBe(true);
    expect([await shown(), await listed()]).toEqual(before);
    expect(await maintainLake(lake, bus.place, { ...limits, smallFiles: 1 })).toBe(false);
    expect(readdirSync(join(bus.root, 'lake', 't'))).toEqual([expect.stringMatching(/^merged-1-4~/)]);
    const isThere = async (key: string) => existsSync(join(bus.root, key));
    expect(await isLakeWhole(lake, isThere)).toBe(true);

    expect(await add(4)).toBe(8);
    expect((await shown()).map(({ x }) => x)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    expect((await listed()).map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);

    rmSync(join(bus.root, 'lake', '_bus'), { recursive: true });
    expect(await isLakeWhole(lake, isThere)).toBe(false);
  });

  test('a commit without its fragment holds back what comes after it, and nothing before it', async () => {
    const bus = await cluster();
    const publisher = await bus.publisherOf();
    await commit(bus, 'a', { columns: [column('x', 'BIGINT')], values: 'SELECT 1::BIGINT AS x' });
    const job = { claim: 'late', jobId: 'late', manifestSha256: 'late', retryOf: 0 };
    await commitBatch(bus.postgres, { jobs: [job], keys: [], objects: [], schemasAfter: 0 }, async head => ({
      rows: [{ ...rowOf('late', head.lastSeq + 1, [column('x', 'BIGINT')]), claim: 'late', job_id: 'late' }],
      tables: ['t'],
    }));
    await commit(bus, 'c', { columns: [column('x', 'BIGINT')], values: 'SELECT 3::BIGINT AS x' });
    expect(await publisher.publish()).toBe(1);
  });

  test('takes new credentials without being opened again', async () => {
    const { address, publisherOf } = await cluster();
    await publisherOf();
    const s3 = {
      keyId: 'first',
      secret: 's',
      sessionToken: undefined,
      endpoint: 'h',
      region: 'r',
      pathStyle: true,
      ssl: false,
    };
    const lake = await openLake({ ...address, root: 's3://bus/x', s3 }, { readOnly: true });
    onTestFinished(() => lake.close());
    const secrets = () =>
      query(lake.connection, "SELECT secret_string AS text FROM duckdb_secrets() WHERE name = '_bus'");
    expect(await secrets()).toEqual([{ text: expect.stringContaining('key_id=first') }]);
    await lake.renew({ ...address, s3: { ...s3, keyId: 'second' } });
    expect(await secrets()).toEqual([{ text: expect.stringContaining('key_id=second') }]);
  });

  test('is removed although a session of DuckLake has locked its tables in another order', async () => {
    const { postgres, publisherOf } = await cluster();
    await publisherOf();
    const tables = async () =>
      (
        await postgres.query<{ name: string }>(
          `SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'ducklake\\_%'`,
        )
      ).map(({ name }) => name);
    const [first, ...others] = await tables();
    const session = await postgres.dedicated();
    await session.query(`BEGIN; SELECT 1 FROM ${others.at(-1)} LIMIT 1`);
    const dropped = dropLake(postgres);
    await expect
      .poll(() => postgres.query(`SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'`))
      .toHaveLength(1);
    await session.query(`SELECT 1 FROM ${first} LIMIT 1`).catch(() => {}); // one of the two is ended
    await session.end();
    await dropped;
    expect(await tables()).toEqual([]);
  });
});
