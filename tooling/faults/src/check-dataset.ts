import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Of } from './tree.js';

/**
 * Checks that the dataset's link leads to its only generation, and that this has exactly the files
 * in its manifest.
 */
export function checkDataset(dataRoot: string, table: string, problems: string[]): void {
  const exports = join(dataRoot, 'exports');
  const folders = readdirSync(exports).filter(name => name.startsWith(`.${table}.`));
  const target = readlinkSync(join(exports, table));
  if (folders.map(folder => join(folder, 'files')).join() !== target)
    problems.push(`export ${table}: leads to ${target}, there is ${folders}`);
  const manifest = JSON.parse(readFileSync(join(exports, target, '../_dataset.json'), 'utf8')) as {
    files: { path: string; sha256: string }[];
  };
  const [have, want] = [
    readdirSync(join(exports, table)).filter(name => name.endsWith('.parquet')),
    manifest.files.map(file => file.path),
  ].map(names => names.sort().join());
  if (have !== want) problems.push(`export ${table}: has ${have}, its manifest names ${want}`);
  for (const { path, sha256 } of manifest.files)
    if (sha256Of(join(exports, table, path)) !== sha256)
      problems.push(`export ${table}: ${path} is not what its manifest says`);
}
