import { lstat, readlink, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  faultPoint,
  parseState,
  readState,
  removeTemporaries,
  syncFolder,
  systemErrorCode,
  writeStateDurable,
} from '@quantbot/infra/files';
import * as z from 'zod';
import { daemonError } from '../errors.js';

/** The name of the file that lists the files of a dataset. */
export const datasetManifest = '_dataset.json';
/**
 * The folder of a generation that the dataset's link points to. It holds Parquet files only,
 * because many readers expect nothing else.
 */
const filesFolder = 'files';

/** The schema of `_dataset.json`. */
export const datasetSchema = z.object({
  bus_id: z.string(),
  export: z.string(),
  /** A part of all file names, which distinguishes them from files of an earlier dataset. */
  tag: z.string(),
  /** A hash of everything in the configuration and the table that the files depend on. */
  definition: z.string(),
  /**
   * The files have all rows of jobs up to this seq. During a run, the newest files may have more.
   */
  as_of_seq: z.number(),
  /** The first job in the newest files, which are rewritten until they are large enough. */
  open_from_seq: z.number(),
  files: z.array(
    z.object({
      path: z.string(),
      from_seq: z.number(),
      rows: z.number(),
      bytes: z.number(),
      sha256: z.string(),
    }),
  ),
});

/** The content of `_dataset.json`. */
export type DatasetManifest = z.infer<typeof datasetSchema>;

/** Whether a text is a dataset's manifest as it was written, with all jobs up to `minSeq`. */
export function isManifestOfDataset(text: string, name: string, minSeq: number): boolean {
  const manifest = parseState(text, datasetSchema);
  return manifest?.export === name && manifest.as_of_seq >= minSeq;
}

/** Matches the temporary name of an unfinished export, beside its final path. */
const unfinishedPattern = /^\..+\.[0-9a-f]{16}\.tmp$/;
/**
 * Matches the folder of a generation, beside the dataset's link. The link points to one of them.
 */
const generationPattern = /^\.(.+)\.[0-9a-f]{16}\.dataset$/;

/** Returns the path of a new generation, which holds the dataset's files and their manifest. */
export const generationBeside = (path: string, claim: string): string =>
  join(dirname(path), `.${basename(path)}.${claim}.dataset`);

/** Returns the folder for the files of a generation. */
export const filesIn = (generation: string): string => join(generation, filesFolder);

/**
 * Returns the path of a dataset's manifest. The system must resolve the dataset's link before the
 * `..`, so this does not use `join`, which would remove the `..`.
 */
export const manifestOf = (path: string): string => `${path}/../${datasetManifest}`;

/**
 * Reads the manifest of the dataset at a path. Returns undefined if it is missing or unreadable, or
 * if one of its files is gone.
 */
export async function readDataset(path: string): Promise<DatasetManifest | undefined> {
  try {
    const manifest = readState(manifestOf(path), datasetSchema);
    if (typeof manifest === 'string') return undefined;
    for (const file of manifest.files) if ((await stat(join(path, file.path))).size !== file.bytes) return undefined;
    return manifest;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * Replaces the manifest of a dataset, given the folder of its files or the link that leads there.
 * What a writer left that was killed meanwhile goes.
 */
export async function writeDatasetManifest(files: string, manifest: DatasetManifest): Promise<void> {
  const folder = dirname(await realpath(files));
  await removeTemporaries(folder, datasetManifest);
  await writeStateDurable(join(folder, datasetManifest), manifest);
}

/**
 * Switches the dataset at a path, which is a link, to a new generation in one step. A reader that
 * resolved the link before keeps the old files until {@link isGarbage} allows their removal.
 *
 * @throws DaemonError `EXPORT_PATH_TAKEN`: the path is a folder that the bus did not create.
 */
export async function switchDataset(path: string, generation: string, temporary: string): Promise<void> {
  await syncFolder(dirname(path));
  await symlink(filesIn(basename(generation)), temporary);
  try {
    faultPoint('export:before-switch');
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    await rm(generation, { recursive: true, force: true });
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(cause) ?? '')) throw cause;
    throw daemonError('EXPORT_PATH_TAKEN', `${path} is a folder that the bus did not create.`, {
      cause,
    });
  }
  faultPoint('export:after-switch');
  await syncFolder(dirname(path));
}

/**
 * Whether an entry of a folder is left over from a crashed run, or is a generation that was
 * replaced long enough ago.
 */
export async function isGarbage(
  folder: string,
  name: string,
  isOld: (supersededAtMs: number) => boolean,
): Promise<boolean> {
  if (unfinishedPattern.test(name)) return true;
  const dataset = generationPattern.exec(name)?.[1];
  if (dataset === undefined) return false;
  const path = join(folder, dataset);
  if ((await readlink(path).catch(() => undefined)) === filesIn(name)) return false;
  // The link at the path was created when this generation was replaced. Without a link, no reader
  // can reach the generation.
  const since = (await lstat(path).catch(() => undefined))?.mtimeMs;
  return since === undefined || isOld(since);
}
