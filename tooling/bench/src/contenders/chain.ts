import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Every durable step that one job takes from its producer to the commit, one after the other. */
export function chainOf(folder: string, file: string, i: number): void {
  const [inbox, claimed, stored, building, hot] = ['inbox', 'claimed', 'stored', 'building', 'hot'].map(name =>
    join(folder, name),
  ) as [string, string, string, string, string];
  for (const place of [claimed, stored, hot]) mkdirSync(place, { recursive: true });
  const sha256 = handIn(folder, file, `job-${i}`);
  renameSync(join(inbox, `job-${i}`), join(claimed, `job-${i}`));
  readFileSync(join(claimed, `job-${i}`, 'manifest.json'));
  hash(join(claimed, `job-${i}`, 'artifact.parquet'));
  linkSync(join(claimed, `job-${i}`, 'artifact.parquet'), join(stored, `${i}.parquet`));
  flush(join(stored, `${i}.parquet`));
  flush(stored);
  mkdirSync(building);
  writeFileSync(join(building, 'commit'), sha256);
  flush(join(building, 'commit'));
  flush(building);
  renameSync(building, join(hot, String(i)));
  flush(hot);
}

/** The producer's part of {@link chainOf}. Returns the hash of the file. */
export function handIn(folder: string, file: string, job: string): string {
  const [staged, inbox] = [join(folder, `staged-${job}`), join(folder, 'inbox')];
  mkdirSync(inbox, { recursive: true });
  mkdirSync(staged);
  copyFileSync(file, join(staged, 'artifact.parquet'));
  const sha256 = hash(join(staged, 'artifact.parquet'));
  flush(join(staged, 'artifact.parquet'));
  writeFileSync(join(staged, 'manifest.json'), JSON.stringify({ sha256 }));
  flush(join(staged, 'manifest.json'));
  flush(staged);
  renameSync(staged, join(inbox, job));
  flush(inbox);
  return sha256;
}

const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function flush(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
