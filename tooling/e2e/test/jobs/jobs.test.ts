import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { JobRejectedError, submitArtifacts } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

async function running(settings: Record<string, unknown> = {}): Promise<TestBus> {
  const bus = makeTestBus(settings);
  await startDaemon(bus);
  return bus;
}

const rejection = async (settled: Promise<unknown>): Promise<JobRejectedError> => {
  const error = await settled.catch(e => e);
  expect(error).toBeInstanceOf(JobRejectedError);
  return error as JobRejectedError;
};

describe('a job of several artifacts', () => {
  const job = async (bus: TestBus, second: string) =>
    submitArtifacts({
      runId: 'run',
      producer: 'tests',
      kind: 'pair',
      busRoot: bus.layout.root,
      artifacts: [
        { artifactId: 'one', parquetPath: await produce(bus, numbers(2)), schemaHint: 'canon.numbers' },
        { artifactId: 'two', kind: 'other', parquetPath: await produce(bus, second), schemaHint: 'canon.numbers' },
      ],
    });

  test('becomes visible together, each artifact with its own kind', async () => {
    const bus = await running();
    const receipt = await (await job(bus, numbers(3))).settled();
    expect(receipt.artifacts.map(a => [a.key, a.status])).toEqual([
      ['run/tests/pair/one', 'ingested'],
      ['run/tests/other/two', 'ingested'],
    ]);
    expect(
      await query(bus, 'SELECT _artifact_key AS k, count(*) AS n FROM canon.numbers GROUP BY k ORDER BY k'),
    ).toEqual([
      { k: 'run/tests/other/two', n: 3 },
      { k: 'run/tests/pair/one', n: 2 },
    ]);
  });

  test('is rejected as a whole when one of its artifacts does not fit', async () => {
    const bus = await running();
    const error = await rejection((await job(bus, `SELECT 'x' AS n`)).settled());
    expect(error.code).toBe('SCHEMA_MISMATCH');
    expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 0 }]);
    expect(
      readdirSync(bus.layout.store, { recursive: true }).filter(name => String(name).endsWith('.parquet')),
    ).toEqual([]);
  });
});

describe('write-once', () => {
  test('the same key with the same bytes is a duplicate, and a success', async () => {
    const bus = await running();
    const parquetPath = await produce(bus, numbers(3));
    await (await submit(bus, { runId: 'r', parquetPath })).settled();
    const receipt = await (await submit(bus, { runId: 'r', parquetPath })).settled();
    expect(receipt).toMatchObject({ seq: 2, status: 'duplicate', artifacts: [{ status: 'duplicate' }] });
    expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 1 }]);
  });

  test('the same key with other bytes is a conflict that names both, and the stored file stays as it is', async () => {
    const bus = await running();
    const first = await (await submit(bus, { runId: 'r', select: numbers(3) })).settled();
    const error = await rejection((await submit(bus, { runId: 'r', select: numbers(4) })).settled());
    expect(error).toMatchObject({
      code: 'ARTIFACT_CONFLICT',
      details: [expect.stringContaining(String(first.artifacts[0]?.sha256)), expect.any(String)],
    });
    expect(await readParquet(String(first.artifacts[0]?.canonical_path))).toHaveLength(3);
  });

  test('a retry with the same job id leaves the receipt that is there untouched', async () => {
    const bus = await running();
    const parquetPath = await produce(bus, numbers(3));
    await (await submit(bus, { jobId: 'job', runId: 'r', parquetPath })).settled();
    const path = join(bus.layout.processed, 'job/RECEIPT.json');
    const before = readFileSync(path, 'utf8');
    const again = await submit(bus, { jobId: 'job', runId: 'r', parquetPath });
    await eventually(
      () => query(bus, 'SELECT max(seq) AS seq FROM catalog.jobs_f'),
      ([row]) => row?.seq === 2,
    );
    expect((await again.settled()).seq).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  test('a job id that comes back with other content gets its own outcome, and the older one is kept', async () => {
    const bus = await running();
    await (await submit(bus, { jobId: 'job', runId: 'one' })).settled();
    const second = await (await submit(bus, { jobId: 'job', runId: 'two' })).settled();
    expect(second).toMatchObject({ seq: 2, run_id: 'two' });
    expect(readdirSync(bus.layout.processed).sort()).toEqual(['job', 'job~1']);
  });
});

describe('canonical tables', () => {
  const add = async (bus: TestBus, select: string) =>
    (await submit(bus, { schemaHint: 'canon.prices', select })).settled();

  test('take new columns, read NULL for missing ones, and widen decimals, while a reader has the older view open', async () => {
    const bus = await running();
    await add(bus, `SELECT 1::INTEGER AS id, 1.25::DECIMAL(6,2) AS price`);
    const reader = await startHoldingReader(bus);
    await add(bus, `SELECT 2::BIGINT AS id, 2.5::DECIMAL(6,2) AS price, 'n' AS note`);
    await add(bus, `SELECT 3::SMALLINT AS id`);
    expect(await reader.query('SELECT id FROM canon.prices ORDER BY id')).toEqual([
      { id: '1' },
      { id: '2' },
      { id: '3' },
    ]);
    await add(bus, `SELECT 4 AS id, 12345678.1234::DECIMAL(18,4) AS price`);
    expect(await query(bus, 'SELECT id, CAST(price AS VARCHAR) AS price, note FROM canon.prices ORDER BY id')).toEqual([
      { id: 1, price: '1.2500', note: null },
      { id: 2, price: '2.5000', note: 'n' },
      { id: 3, price: null, note: null },
      { id: 4, price: '12345678.1234', note: null },
    ]);
    // An older view still reads the columns that it knows.
    expect(await reader.query('SELECT count(*) AS n FROM canon.prices')).toEqual([{ n: '3' }]);
    await reader.close();
  });

  test('name column, expected and found type, and the artifact that fixed it, when a file does not fit', async () => {
    const bus = await running();
    await (
      await submit(bus, { runId: 'fixer', schemaHint: 'canon.prices', select: 'SELECT 1 AS id, 2.5::DOUBLE AS price' })
    ).settled();
    const error = await rejection(add(bus, `SELECT DATE '2026-01-02' AS id, 'x' AS price`));
    expect(error.code).toBe('SCHEMA_MISMATCH');
    expect(error.details).toEqual([
      'id: expected BIGINT (fixed by fixer/tests/numbers/numbers), found DATE',
      'price: expected DOUBLE (fixed by fixer/tests/numbers/numbers), found VARCHAR',
    ]);
    await add(bus, 'SELECT 2 AS id');
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.prices')).toEqual([{ n: 2 }]);
  });

  test('survive a restart with their columns, and go on from there', async () => {
    const bus = makeTestBus({ compaction: { hot_commits: 2 } });
    const first = await startDaemon(bus);
    await add(bus, 'SELECT 1 AS id');
    await add(bus, `SELECT 2 AS id, 'n' AS note`);
    await first.stop();
    await startDaemon(bus);
    await rejection(add(bus, 'SELECT 3 AS id, 4 AS note'));
    await add(bus, 'SELECT 3 AS id, true AS flag');
    expect(await query(bus, 'SELECT id, note, flag FROM canon.prices ORDER BY id')).toEqual([
      { id: 1, note: null, flag: null },
      { id: 2, note: 'n', flag: null },
      { id: 3, note: null, flag: true },
    ]);
  });

  test('have one golden export each, whole and fresh, that says from which artifact a row comes', async () => {
    const bus = await running();
    await add(bus, 'SELECT 1 AS id');
    await (await submit(bus, { schemaHint: 'canon.other', select: 'SELECT 9 AS x' })).settled();
    const exportDir = bus.config.export.exportDir;
    const status = () => JSON.parse(readFileSync(join(exportDir, '_export_status.json'), 'utf8')).exports;
    await eventually(status, exports => exports.prices?.ok && exports.other?.ok);
    expect(await readParquet(join(exportDir, 'prices.parquet'))).toEqual([
      { id: 1, _seq: 1, _artifact_key: expect.stringContaining('/tests/') },
    ]);
    await add(bus, 'SELECT 2 AS id');
    await eventually(status, exports => exports.prices.as_of_seq === 3);
    expect(await readParquet(join(exportDir, 'prices.parquet'), { columns: ['id'], orderBy: 'id' })).toEqual([
      { id: 1 },
      { id: 2 },
    ]);
    expect(status().other.as_of_seq).toBe(2); // its tables have not changed
    expect(readdirSync(exportDir).sort()).toEqual(['_export_status.json', 'other.parquet', 'prices.parquet']);
  });
});

describe('jobs of old scripts, written straight into the inbox', () => {
  test('are ingested once COMMIT is there, and not before', async () => {
    const bus = await running();
    const file = await produce(bus, numbers(5));
    const folder = writeToInbox(bus, { jobId: 'old', files: { 'data.parquet': file }, commit: null });
    await new Promise(resolve => setTimeout(resolve, 600));
    expect(existsSync(folder)).toBe(true);
    await (await open(join(folder, 'COMMIT'), 'w')).close();
    await eventually(
      () => existsSync(join(bus.layout.processed, 'old/RECEIPT.json')),
      there => there,
    );
    expect(await query(bus, 'SELECT rows FROM catalog.artifacts_f')).toEqual([{ rows: 5 }]);
  });

  test('cannot change what is stored through a descriptor that is still open', async () => {
    const bus = await running();
    const folder = writeToInbox(bus, {
      jobId: 'old',
      files: { 'data.parquet': await produce(bus, numbers(5)) },
      commit: null,
    });
    const descriptor = await open(join(folder, 'data.parquet'), 'r+');
    await (await open(join(folder, 'COMMIT'), 'w')).close();
    await eventually(
      () => existsSync(join(bus.layout.processed, 'old/RECEIPT.json')),
      there => there,
    );
    await descriptor.write('garbage', 0);
    await descriptor.close();
    const [artifact] = await query(bus, 'SELECT canonical_path FROM catalog.artifacts_f');
    expect(await readParquet(String(artifact?.canonical_path))).toHaveLength(5);
  });
});
