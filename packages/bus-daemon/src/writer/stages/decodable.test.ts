import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { readParquetFooter } from '@quantbot/infra';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { parquetMetadata } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { openInProcess, packageFolder } from '../../../test/support/in-process-bus.js';
import type { Bus } from '../bus.js';
import { type FileSchema, fileSchemaOf } from '../file-schema.js';
import type { VerifiedArtifact } from '../job.js';
import { checkDecodable } from './decodable.js';

/** A file after verification has read only its footer. */
async function artifactOf(path: string, schemaHint?: string): Promise<VerifiedArtifact> {
  const footer = await readParquetFooter(path);
  const { rows, bytes, columns } = footer;
  const schema = schemaHint === undefined ? undefined : fileSchemaOf(footer);
  const entry = { artifact_id: 'a', relpath: 'a.parquet', format: 'parquet' as const, schema_hint: schemaHint };
  const judged = new Map();
  return { entry, key: path, relPath: path, file: path, inode: 1, rows, bytes, sha256: '', columns, judged, schema };
}

/** A bus that decodes the files of many jobs. */
const inBatch = (bus: Bus): Bus => ({ ...bus, beside: { add: () => {}, isSlow: () => false, noteSlow: () => {} } });

/** Inverts bytes of a compressed data page, far from the footer. */
function damage(path: string): string {
  const bytes = readFileSync(path);
  for (let i = 40; i < 140; i++) bytes[i] = 255 - (bytes[i] ?? 0);
  writeFileSync(path, bytes);
  return path;
}

/** Replaces a text in a file by another text of the same length, everywhere. */
function replaceBytes(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'latin1').replaceAll(from, to), 'latin1');
}

const produceText = (bus: TestBus, seed: number) =>
  produce(bus, numbers(5_000, `, hash(range + ${seed})::VARCHAR AS text`));

test('files whose rows can all be read are not complained of', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifacts = await Promise.all([1, 2, 3].map(async n => artifactOf(await produceText(testBus, n), 'canon.t')));
  expect(await checkDecodable(bus, artifacts)).toEqual(new Map());
});

sampled('a file of as many columns as it may have becomes a table', async () => {
  const { bus, test: testBus } = await openInProcess();
  const columns = Array.from({ length: bus.config.limits.maxColumns }, (_, n) => `${n} AS c${n}`);
  const wide = await artifactOf(await produce(testBus, `SELECT ${columns}`), 'canon.wide');
  expect(await checkDecodable(bus, [wide])).toEqual(new Map());
});

test('among files of one form, those with only NULL in a column are told, whatever their statistics claim', async () => {
  const { bus, test: testBus } = await openInProcess();
  const write = (name: string, data: (number | null)[]) => {
    const path = join(testBus.folder, `${name}.parquet`);
    const bytes = Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'x', data, type: 'INT32', nullable: true }] }));
    const nulls = (): bigint | undefined =>
      parquetMetadata(new Uint8Array(bytes).buffer).row_groups[0]?.columns[0]?.meta_data?.statistics?.null_count;
    if (name === 'lying') {
      const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
      // Field 3 of the statistics, which have no fields 1 and 2.
      const count = bytes.indexOf('\x36\x02', footer);
      bytes[count + 1] = 6;
      expect(nulls()).toBe(3n);
    }
    writeFileSync(path, bytes);
    return artifactOf(path, 'canon.t');
  };
  const files = { nulls: [null, null], empty: [], values: [null, 2], lying: [1, null, 3] };
  const onlyNull = (artifacts: VerifiedArtifact[]) =>
    artifacts.map(({ judged }) => judged.get('x')?.get('"NULL"') === null);
  const together = await Promise.all(Object.entries(files).map(([name, data]) => write(name, data)));
  expect(await checkDecodable(inBatch(bus), together)).toEqual(new Map());
  expect(onlyNull(together)).toEqual([true, true, false, false]);
  for (const [index, [name, data]] of Object.entries(files).entries()) {
    const alone = [await write(name, data)];
    await checkDecodable(bus, alone);
    expect(onlyNull(alone), name).toEqual([index < 2]);
  }
});

test('a file with a good footer and damaged pages is found, and the other files of the batch are not blamed', async () => {
  const { bus, test: testBus } = await openInProcess();
  const paths = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(n => produceText(testBus, n)));
  const bad = [paths[1], paths[4]] as string[];
  for (const path of bad) damage(path);
  const artifacts = await Promise.all(paths.map(path => artifactOf(path, 'canon.t')));
  const found = await checkDecodable(inBatch(bus), artifacts);
  expect([...found.keys()].sort()).toEqual([...bad].sort());
  for (const problem of found.values()) expect(problem).toMatchObject({ unreadable: expect.stringMatching(/./) });
});

test('each group of files that is tried shows that the work goes on, however many are bad', async () => {
  const { bus, test: testBus } = await openInProcess();
  const paths = await Promise.all([1, 2, 3, 4].map(n => produceText(testBus, n)));
  damage(paths[2] as string);
  let moved = 0;
  bus.events.on('moved', () => moved++);
  await checkDecodable(inBatch(bus), await Promise.all(paths.map(path => artifactOf(path, 'canon.t'))));
  expect(moved).toBe(5); // all four files, two halves, and each file of the bad half
});

test('a damaged file of one schema says nothing against files of another', async () => {
  const { bus, test: testBus } = await openInProcess();
  const bad = await artifactOf(damage(await produceText(testBus, 1)), 'canon.t');
  const good = await artifactOf(await produce(testBus, numbers(10)), 'canon.u');
  expect([...(await checkDecodable(bus, [good, bad])).keys()]).toEqual([bad.file]);
});

test('a footer that claims more rows than the pages have is found', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const found = await checkDecodable(bus, [{ ...artifact, rows: artifact.rows + 1 }]);
  expect(found.get(artifact.file)).toEqual({
    unreadable: 'The footers claim 5001 rows, the pages have 5000.',
  });
});

test('columns of files are those that DuckDB reads, whatever our own reader found in the footer', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produce(testBus, 'SELECT INTERVAL 1 DAY AS n'), 'canon.t');
  const schema = artifact.schema as FileSchema;
  const mistaken = {
    ...artifact,
    schema: { ...schema, footerColumns: [{ name: 'n', type: 'BIGINT', nullable: true }] },
  };
  expect(await checkDecodable(bus, [mistaken])).toEqual(new Map());
  expect(mistaken.columns).toEqual([{ name: 'n', type: 'INTERVAL', nullable: true }]);
});

test('a column that has no type but NULL stays so beside one that DuckDB reads otherwise', async () => {
  const { bus, test: testBus } = await openInProcess();
  const select = 'SELECT INTERVAL 1 DAY AS n, NULL::INTEGER AS empty, {x: NULL::INTEGER} AS s';
  const artifact = await artifactOf(await produce(testBus, select), 'canon.t');
  const column = (name: string, type: string) => ({ name, type, nullable: true });
  const footerColumns = [column('n', 'BIGINT'), column('empty', '"NULL"'), column('s', 'STRUCT("x" "NULL")')];
  artifact.schema = { ...(artifact.schema as FileSchema), footerColumns };
  expect(await checkDecodable(bus, [artifact])).toEqual(new Map());
  expect(artifact.columns).toEqual([column('n', 'INTERVAL'), ...footerColumns.slice(1)]);
});

test('times of day in nanoseconds are refused where DuckDB reads them as microseconds', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produce(testBus, "SELECT [TIME '01:02:03'] AS at, 1 AS n"), 'canon.t');
  const footerColumns = artifact.columns.map(column => ({ ...column, type: column.type.replace('TIME', 'TIME_NS') }));
  artifact.schema = { ...(artifact.schema as FileSchema), footerColumns };
  expect(await checkDecodable(bus, [artifact])).toEqual(
    new Map([[artifact.file, { unfaithful: [expect.stringMatching(/^at: has a time of day in nanoseconds, /)] }]]),
  );
});

test('columns of one name get those that DuckDB gives them, and all their values', async () => {
  const { bus, test: testBus } = await openInProcess();
  const path = await produce(testBus, 'SELECT 1 AS close, 2 AS close_1, 3 AS cl0se');
  // DuckDB itself does not write two columns with the same name.
  replaceBytes(path, 'cl0se', 'close');
  const artifact = await artifactOf(path, 'canon.t');
  expect(await checkDecodable(bus, [artifact])).toEqual(new Map());
  expect(artifact.columns.map(column => column.name)).toEqual(['close', 'close_1', 'close_1_1']);
});

test('a file with a field that has no name is refused with the way to it, like a UNION’s', async () => {
  const { bus, test: testBus } = await openInProcess();
  const select = `SELECT union_value(number := 1)::UNION(number INTEGER, word VARCHAR) AS either`;
  const artifact = await artifactOf(await produce(testBus, select), 'canon.t');
  const found = await checkDecodable(bus, [artifact]);
  expect(found.get(artifact.file)).toEqual({ unfaithful: [expect.stringMatching(/^either\.: has no name/)] });
});

test('files that feed no canonical table are not read: their damage harms no query but one of that file', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifacts = [
    await artifactOf(damage(await produceText(testBus, 1))),
    await artifactOf(damage(await produceText(testBus, 2)), 'simulation.fills'),
  ];
  expect(await checkDecodable(bus, artifacts)).toEqual(new Map());
});

const fixture = (name: string, schemaHint = 'canon.t') =>
  artifactOf(join(packageFolder, `fixtures/parquet/${name}.parquet`), schemaHint);

test('a file on which DuckDB fails inside is not supported, and no file after it is blamed for that', async () => {
  const { bus, test: testBus } = await openInProcess();
  const good = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const odd = await fixture('variant-without-value');
  const found = await checkDecodable(bus, [odd, good]);
  expect(found).toEqual(new Map([[odd.file, { unsupported: expect.stringMatching(/^INTERNAL Error: .*Variant/) }]]));
  expect(await checkDecodable(bus, [good])).toEqual(new Map());
});

test('an encoding that DuckDB does not know is not supported, not broken', async () => {
  const { bus } = await openInProcess();
  const artifact = await fixture('integers-byte-stream-split');
  const found = await checkDecodable(bus, [artifact]);
  expect(found.get(artifact.file)).toEqual({ unsupported: expect.stringMatching(/^\w+: .*BYTE_STREAM_SPLIT/) });
});

test('values beyond the range of DuckDB’s type are refused with their column, not blamed on the file', async () => {
  const { bus, test: testBus } = await openInProcess();
  const path = await produce(
    testBus,
    "SELECT 1 AS n, {'t': make_timestamp(range * 9000000000000000)} AS far FROM range(3)",
  );
  // Change both annotations of the column: the values are then milliseconds beyond DuckDB's range.
  replaceBytes(path, '\x25\x14\x4c\x8c\x12\x1c\x2c', '\x25\x12\x4c\x8c\x12\x1c\x1c');
  const artifact = await artifactOf(path, 'canon.t');
  const found = await checkDecodable(bus, [artifact]);
  expect(found.get(path)).toEqual({
    unfaithful: [expect.stringMatching(/^far: Conversion Error: .*Timestamp.*; write .*BIGINT$/)],
  });
});

test('a file that takes more processor time than its size allows is too complex, alone', async () => {
  const { bus, test: testBus } = await openInProcess({ limits: { decode_s: 1 } });
  const good = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const deep = await fixture('repeated-30-deep');
  const found = await checkDecodable(bus, [deep, good]);
  expect(found).toEqual(new Map([[deep.file, { tooComplex: expect.stringContaining('1 s of processor time') }]]));
});

sampled('a file that needs more memory than is usual gets it alone, up to the limit', async () => {
  const { bus, test: testBus } = await openInProcess();
  const path = join(testBus.folder, 'large.parquet');
  const { connection, close } = await openMemoryDatabase({ memoryMb: 4096, threads: 1 });
  await connection.run(`COPY (SELECT repeat('0123456789', 30_000_000) AS text) TO '${path}' (FORMAT parquet)`);
  close();
  const artifact = await artifactOf(path, 'canon.t');
  expect(await checkDecodable(bus, [artifact])).toEqual(new Map());
  const { limits } = bus.config;
  const small = { ...bus, config: { ...bus.config, limits: { ...limits, decodeMemoryMb: 512 } } };
  const found = await checkDecodable(small, [artifact]);
  expect(found.get(artifact.file)).toEqual({ tooComplex: expect.stringMatching(/^With 512 MB: Out of Memory Error/) });
});

test("a file that went away is missing, not broken; without its folder the fault is not the job's", async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const gone = { ...artifact, file: `${artifact.file}.gone` };
  expect(await checkDecodable(bus, [gone])).toEqual(new Map([[gone.file, { missing: expect.any(String) }]]));
  const lost = { ...artifact, file: `${artifact.file}.folder/a.parquet` };
  await expect(checkDecodable(bus, [lost])).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a machine that has no descriptors left is not blamed on the file', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const full = 'IO Error: Cannot open file "/bus/claimed/x/a.parquet": Too many open files';
  const inspector = { request: async () => ({ unreadable: full }) } as unknown as typeof bus.inspector;
  await expect(checkDecodable({ ...bus, inspector }, [artifact])).rejects.toMatchObject({ code: 'EMFILE' });
});
