import { readFileSync, writeFileSync } from 'node:fs';
import { readParquetFooter } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { numbers, produce } from '../../test/support/parquet.js';
import type { TestBus } from '../../test/support/test-bus.js';
import { daemonError } from '../errors.js';
import { checkDecodable } from './decodable.js';
import type { VerifiedArtifact } from './job.js';

/** A file as verification has found it, by the footer alone. */
async function artifactOf(path: string, schemaHint?: string): Promise<VerifiedArtifact> {
  const { rows, bytes, columns } = await readParquetFooter(path);
  const entry = { artifact_id: 'a', relpath: 'a.parquet', format: 'parquet' as const, schema_hint: schemaHint };
  return { entry, key: path, relPath: path, file: path, inode: 1, copied: false, rows, bytes, sha256: '', columns };
}

/** Turns over the bytes of a compressed data page, far from the footer. */
function damage(path: string): string {
  const bytes = readFileSync(path);
  for (let i = 40; i < 140; i++) bytes[i] = 255 - (bytes[i] ?? 0);
  writeFileSync(path, bytes);
  return path;
}

const produceText = (bus: TestBus, seed: number) =>
  produce(bus, numbers(5_000, `, hash(range + ${seed})::VARCHAR AS text`));

test('files whose rows can all be read are not complained of', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifacts = await Promise.all([1, 2, 3].map(async n => artifactOf(await produceText(testBus, n), 'canon.t')));
  expect(await checkDecodable(bus, artifacts)).toEqual(new Map());
});

test('a file with a good footer and damaged pages is found, and the other files of the batch are not blamed', async () => {
  const { bus, test: testBus } = await openInProcess();
  const paths = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(n => produceText(testBus, n)));
  const bad = [paths[1], paths[4]] as string[];
  for (const path of bad) damage(path);
  const artifacts = await Promise.all(paths.map(path => artifactOf(path, 'canon.t')));
  const found = await checkDecodable(bus, artifacts);
  expect([...found.keys()].sort()).toEqual([...bad].sort());
  for (const problem of found.values()) expect(problem).toMatchObject({ unreadable: expect.stringMatching(/./) });
});

test('each group of files that is tried shows that the work goes on, however many are bad', async () => {
  const { bus, test: testBus } = await openInProcess();
  const paths = await Promise.all([1, 2, 3, 4].map(n => produceText(testBus, n)));
  damage(paths[2] as string);
  let moved = 0;
  bus.events.on('moved', () => moved++);
  await checkDecodable(bus, await Promise.all(paths.map(path => artifactOf(path, 'canon.t'))));
  expect(moved).toBe(5); // all four, two halves, and of the bad one each file
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

test('a file whose column DuckDB takes for something else than its footer says is found: the table could not be read', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produce(testBus, 'SELECT INTERVAL 1 DAY AS n'), 'canon.t');
  expect(await checkDecodable(bus, [artifact])).toEqual(new Map());
  const found = await checkDecodable(bus, [{ ...artifact, columns: [{ name: 'n', type: 'BIGINT', nullable: true }] }]);
  expect(found.get(artifact.file)).toEqual({ unreadable: expect.stringContaining('INTERVAL to BIGINT') });
});

test('a file with a type that cannot be said again is read all the same: the table says why it does not take it', async () => {
  const { bus, test: testBus } = await openInProcess();
  const select = `SELECT union_value(number := 1)::UNION(number INTEGER, word VARCHAR) AS either`;
  const artifact = await artifactOf(await produce(testBus, select), 'canon.t');
  expect(artifact.columns[0]?.type).toMatch(/^STRUCT\((?!")/);
  expect(await checkDecodable(bus, [artifact])).toEqual(new Map());
});

test('files that feed no canonical table are not read: their damage harms no query but one of that file', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifacts = [
    await artifactOf(damage(await produceText(testBus, 1))),
    await artifactOf(damage(await produceText(testBus, 2)), 'simulation.fills'),
  ];
  expect(await checkDecodable(bus, artifacts)).toEqual(new Map());
});

test('a machine that cannot read is not blamed on the file: not when the process is killed, nor when it has no descriptors left', async () => {
  const { bus, test: testBus } = await openInProcess();
  const artifact = await artifactOf(await produceText(testBus, 1), 'canon.t');
  const inspectorThat = (outcome: () => Promise<{ unreadable: string }>) => ({
    ...bus,
    inspector: { request: outcome } as unknown as typeof bus.inspector,
  });
  const full = 'IO Error: Cannot open file "/bus/claimed/x/a.parquet": Too many open files';
  await expect(
    checkDecodable(
      inspectorThat(async () => ({ unreadable: full })),
      [artifact],
    ),
  ).rejects.toMatchObject({ code: 'EMFILE' });
  const died = async () => Promise.reject(daemonError('WORKER_DIED', 'The inspect process ended (SIGKILL).'));
  await expect(checkDecodable(inspectorThat(died), [artifact])).rejects.toMatchObject({ code: 'WORKER_DIED' });
  // The name of a file is a producer's own.
  const lie = `Invalid Input Error: No magic bytes in "IO Error: x: Too many open files"`;
  const crashed = async () => Promise.reject(daemonError('WORKER_CRASHED', 'The inspect process ended (SIGSEGV).'));
  for (const fault of [async () => ({ unreadable: lie }), crashed])
    expect([...(await checkDecodable(inspectorThat(fault), [artifact])).keys()]).toEqual([artifact.file]);
});
