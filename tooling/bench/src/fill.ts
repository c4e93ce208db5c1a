import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import type { BenchBus } from './bus.js';

/** The artifacts of a job of {@link fill}. */
export const perJob = 1000;

/**
 * Submits artifacts of one row, each with different bytes. Their ids are `a0`, `a1` and so on.
 *
 * @param path where the files are written.
 * @param what.idsAgain whether each run has the same artifact ids, as runs of one program have.
 */
export async function fill(
  bus: BenchBus,
  path: string,
  { from, count, idsAgain = false }: { from: number; count: number; idsAgain?: boolean },
): Promise<void> {
  for (let first = from; first < from + count; first += perJob) {
    const artifacts = [];
    for (let i = first; i < Math.min(first + perJob, from + count); i++) {
      const artifactId = `a${idsAgain ? i - first : i}`;
      artifacts.push({ artifactId, parquetPath: await fileFor(`${path}-${i % perJob}`, i), rows: 1 });
    }
    const job = { busRoot: bus.root, runId: `run-${first}`, producer: 'bench', kind: 'fill' };
    await submitArtifacts({ ...job, artifacts, transfer: 'move' });
  }
}

/** Submits jobs of one artifact, as they come in daily use. */
export async function fillSmall(
  bus: BenchBus,
  path: string,
  { name, jobs }: { name: string; jobs: number },
): Promise<void> {
  for (let i = 0; i < jobs; i++)
    await submitArtifacts({
      busRoot: bus.root,
      runId: `${name}-${i}`,
      producer: 'bench',
      kind: 'probe',
      artifacts: [{ artifactId: 'a', parquetPath: await fileFor(path, i), rows: 1 }],
    });
}

const marker = 0x0102_0304_0506n;
let template: Buffer | undefined;

/**
 * Returns a file of one row with a number in it. Writing a million Parquet files would take longer
 * than the measured work. So one file is written, and each copy gets another number.
 */
async function fileFor(path: string, i: number): Promise<string> {
  if (template === undefined) {
    await writeSmallParquet(path, { columns: { i: 'int64', x: 'double' }, rows: [{ i: marker, x: 0.5 }] });
    template = readFileSync(path);
  }
  const file = Buffer.from(template);
  const before = int64(marker);
  for (let at = file.indexOf(before); at >= 0; at = file.indexOf(before, at + 8)) int64(BigInt(i)).copy(file, at);
  rmSync(path, { force: true }); // the previous file may be part of a job by now
  writeFileSync(path, file);
  return path;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}
