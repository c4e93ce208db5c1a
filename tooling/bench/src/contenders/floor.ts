/**
 * The floor: only the system calls that the guarantees need. It works in batches like the daemon.
 * It claims each waiting job (a folder with a manifest and a file) by a rename, reads the manifest,
 * reads and hashes the file, links it into the store, makes it read-only and flushes it. It commits
 * the batch by a file that it writes, flushes, and renames with its folder. Then each job gets a
 * receipt and is renamed to its final place. There are no checks, no catalog, no schema and no
 * recovery.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fsync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { contender } from '../program.js';
import { ratePerSecond } from '../results.js';

interface Task {
  /** A bus's folder with jobs in `inbox/`. This program creates the other folders. */
  root: string;
  batch: number;
  /** Whether to copy the files, because their producer may still change them. */
  copies?: boolean;
}

const flush = promisify(fsync);
const buffer = Buffer.allocUnsafe(1024 * 1024);

async function runBatch({ root, copies }: Task, jobs: readonly string[], seq: number): Promise<void> {
  const claimed = jobs.map(job => {
    const folder = join(root, 'floor-claimed', job);
    renameSync(join(root, 'inbox', job), folder);
    return { job, folder };
  });
  const hashed = claimed.map(({ job, folder }) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      artifacts: { relpath: string }[];
    };
    const file = join(folder, manifest.artifacts[0]?.relpath ?? '');
    return { job, folder, file, sha256: hashFile(file) };
  });
  const stored = join(root, 'floor-store', String(seq));
  mkdirSync(stored);
  await Promise.all(
    hashed.map(async ({ job, file }) => {
      const target = join(stored, `${job}.parquet`);
      if (copies) copyFileSync(file, target);
      else linkSync(file, target);
      chmodSync(target, 0o444);
      const handle = openSync(target, 'r');
      await flush(handle);
      closeSync(handle);
    }),
  );
  flushFolder(stored);
  flushFolder(join(root, 'floor-store'));
  const building = join(root, `floor-building-${seq}`);
  mkdirSync(building);
  const rows = openSync(join(building, 'commit'), 'wx');
  writeFileSync(rows, JSON.stringify(hashed));
  fsyncSync(rows);
  closeSync(rows);
  flushFolder(building);
  renameSync(building, join(root, 'floor-hot', String(seq)));
  flushFolder(join(root, 'floor-hot'));
  for (const { job, folder, file, sha256 } of hashed) {
    rmSync(file);
    writeFileSync(join(folder, 'RECEIPT.json'), JSON.stringify({ job, sha256 }));
    renameSync(folder, join(root, 'floor-done', job));
  }
}

function hashFile(path: string): string {
  const hash = createHash('sha256');
  const handle = openSync(path, 'r');
  for (let read = readSync(handle, buffer); read > 0; read = readSync(handle, buffer))
    hash.update(buffer.subarray(0, read));
  closeSync(handle);
  return hash.digest('hex');
}

function flushFolder(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

await contender<Task, { jobs: number; warmPerSecond: number }>(async task => {
  const { root, batch } = task;
  for (const folder of ['floor-claimed', 'floor-store', 'floor-hot', 'floor-done']) mkdirSync(join(root, folder));
  return async () => {
    const jobs = readdirSync(join(root, 'inbox'));
    const ended: { jobs: number; ms: number }[] = [];
    for (let from = 0; from < jobs.length; from += batch) {
      const some = jobs.slice(from, from + batch);
      await runBatch(task, some, from);
      ended.push({ jobs: some.length, ms: performance.now() });
    }
    return { jobs: jobs.length, warmPerSecond: ratePerSecond(ended) };
  };
});
