/**
 * Hostile and harmless jobs as they come, and what must become of them:
 * `fixtures/jobs/<name>/case.json`, whose format is described in `fixtures/jobs/README.md`. The
 * format is plain JSON, so that programs in other languages build the same jobs.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { daemonFolder } from './scripts.js';

const fixtures = join(daemonFolder, 'fixtures');

/**
 * The expected outcome of a job. `ignored`: it stays in the inbox, because it is not a complete
 * job.
 */
export type Expectation =
  | { status: 'ingested' | 'duplicate' | 'ignored' }
  /** `field`, where given: one of the details begins with it. */
  | { status: 'rejected'; code: string; field?: string };

interface ParquetRecipe {
  parquet: string;
  keep?: number;
  replace?: { at: number; base64: string }[];
  /** Permissions, octal. */
  mode?: string;
}

/** How to create one file of a job. */
export type FileRecipe =
  | { text: string }
  | { base64: string }
  /** `before`, then `repeat` this many times, then `after`: for large or deeply nested content. */
  | { repeat: string; times: number; before?: string; after?: string }
  /**
   * A file of `fixtures/parquet`, by name. It can be cut to its first bytes, and then have bytes
   * replaced (negative positions count from the end).
   */
  | ParquetRecipe
  /**
   * A sparse file of zeros; with the first and last bytes of a file of `fixtures/parquet`, if one
   * is named.
   */
  | { bytes: number; around?: string }
  | { symlink: string }
  /** A second name of a file outside of the bus. */
  | { hardlink: string }
  | { fifo: true }
  /** The null device; needs root. */
  | { device: true }
  | { folder: true };

/** A job, as differences from a good one. */
export interface JobRecipe {
  /** The folder's name in the inbox, or its bytes; by default the case's name. */
  folder?: string;
  folder_base64?: string;
  /**
   * Fields of the manifest that differ, fields of its only artifact that differ, and omitted
   * fields.
   */
  manifest?: Record<string, unknown>;
  artifact?: Record<string, unknown>;
  omit?: string[];
  /** Files by their path in the job; null leaves out one that is there by default. */
  files?: Record<string, FileRecipe | null>;
  /** False: written directly into the inbox, by a producer that does not use staging. */
  staged?: boolean;
  /** The folder in the inbox is a symbolic link to a whole job outside of the bus. */
  linked?: boolean;
  expect: Expectation;
}

/** A case: earlier jobs, then the tested job. */
export interface JobCase extends JobRecipe {
  name: string;
  title: string;
  needs?: 'root' | 'no root';
  before?: JobRecipe[];
}

/** A job in the inbox. */
export interface PlacedJob {
  /** Name in the inbox; bytes where it is not UTF-8. */
  folder: string | Buffer;
  expect: Expectation;
}

/** Returns every case, in the order of their names. */
export function readJobCases(): JobCase[] {
  const folder = join(fixtures, 'jobs');
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => ({ name, ...JSON.parse(readFileSync(join(folder, name, 'case.json'), 'utf8')) }) as JobCase)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Whether this machine can build a case: some cases need root, and some need a user other than
 * root.
 */
export const canBuild = ({ needs }: JobCase): boolean =>
  needs === undefined || (needs === 'root') === (process.getuid?.() === 0);

/**
 * Builds the jobs of a case in `staging/` and renames them into the inbox, in order.
 *
 * @param outside a folder outside of the bus, on the same file system: links lead there, and
 * nothing in it may change.
 */
export function placeJobCase(job: JobCase, busRoot: string, outside: string): PlacedJob[] {
  makeOutside(outside);
  const recipes = [...(job.before ?? []), job];
  return recipes.map((recipe, index) => {
    const folder = recipe.folder ?? (index === recipes.length - 1 ? job.name : `${job.name}-before-${index}`);
    // Whole seconds apart, so that jobs of one case are taken in their order, whatever the clock's
    // resolution.
    const committedAt = new Date(Date.now() - (recipes.length - index) * 1000);
    return placeJob(recipe, folder, busRoot, outside, committedAt);
  });
}

function placeJob(recipe: JobRecipe, folder: string, busRoot: string, outside: string, committedAt: Date): PlacedJob {
  const inbox = join(busRoot, 'inbox');
  const name = recipe.folder_base64 === undefined ? folder : Buffer.from(recipe.folder_base64, 'base64');
  const target = Buffer.concat([Buffer.from(`${inbox}/`), Buffer.from(name)]);
  const building =
    recipe.linked === true
      ? join(outside, `job-${randomBytes(6).toString('hex')}`)
      : join(busRoot, 'staging', `fixture~${randomBytes(6).toString('hex')}`);
  mkdirSync(building);
  const files: Record<string, FileRecipe | null> = {
    'trades.parquet': { parquet: 'trades' },
    'manifest.json': { text: manifestText(recipe, String(name), outside) },
    COMMIT: { text: recipe.staged === false ? '' : 'staged\n' },
    ...recipe.files,
  };
  for (const [path, file] of Object.entries(files)) if (file !== null) makeFile(join(building, path), file, outside);
  const commit = files.COMMIT;
  if (commit && ('text' in commit || 'folder' in commit))
    utimesSync(join(building, 'COMMIT'), committedAt, committedAt);
  if (recipe.linked === true) symlinkSync(building, target);
  else renameSync(building, target);
  return { folder: name, expect: recipe.expect };
}

function manifestText(recipe: JobRecipe, jobId: string, outside: string): string {
  const artifact = { artifact_id: 'trades', format: 'parquet', relpath: 'trades.parquet', ...recipe.artifact };
  const manifest: Record<string, unknown> = {
    manifest_version: 1,
    job_id: jobId,
    run_id: `run-${jobId}`,
    producer: 'fixtures',
    kind: 'trades',
    created_at_utc: '2026-01-31T12:00:00Z',
    artifacts: [artifact],
    ...recipe.manifest,
  };
  for (const name of recipe.omit ?? []) delete manifest[name];
  return JSON.stringify(manifest, null, 2).replaceAll('{outside}', outside);
}

function makeFile(path: string, file: FileRecipe, outside: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if ('text' in file) writeFileSync(path, file.text.replaceAll('{outside}', outside));
  else if ('base64' in file) writeFileSync(path, Buffer.from(file.base64, 'base64'));
  else if ('repeat' in file)
    writeFileSync(path, `${file.before ?? ''}${file.repeat.repeat(file.times)}${file.after ?? ''}`);
  else if ('parquet' in file) makeParquet(path, file);
  else if ('bytes' in file) {
    writeFileSync(path, '');
    truncateSync(path, file.bytes);
    if (file.around !== undefined) writeAround(path, file.bytes, file.around);
  } else if ('symlink' in file) symlinkSync(file.symlink.replaceAll('{outside}', outside), path);
  else if ('hardlink' in file) linkSync(file.hardlink.replaceAll('{outside}', outside), path);
  else if ('fifo' in file) execFileSync('mkfifo', [path]);
  else if ('device' in file) execFileSync('mknod', [path, 'c', '1', '3']);
  else mkdirSync(path, { recursive: true });
}

/**
 * Writes the first four bytes of a file of `fixtures/parquet` at the begin of another, and the rest
 * at its end.
 */
function writeAround(path: string, size: number, parquet: string): void {
  const bytes = readFileSync(join(fixtures, 'parquet', `${parquet}.parquet`));
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, 4, 0);
  writeSync(file, bytes, 4, bytes.length - 4, size - bytes.length + 4);
  closeSync(file);
}

function makeParquet(path: string, { parquet, keep, replace = [], mode }: ParquetRecipe): void {
  const bytes = readFileSync(join(fixtures, 'parquet', `${parquet}.parquet`)).subarray(0, keep);
  for (const { at, base64 } of replace) Buffer.from(base64, 'base64').copy(bytes, at < 0 ? bytes.length + at : at);
  writeFileSync(path, bytes);
  if (mode !== undefined) chmodSync(path, Number.parseInt(mode, 8));
}

/** Creates the files outside of the bus: a good Parquet file, and a folder with one. */
function makeOutside(outside: string): void {
  mkdirSync(join(outside, 'folder'), { recursive: true });
  for (const name of ['secret.parquet', 'folder/secret.parquet'])
    copyFileSync(join(fixtures, 'parquet/trades.parquet'), join(outside, name));
}
