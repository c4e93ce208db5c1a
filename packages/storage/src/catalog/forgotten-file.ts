import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Journal } from '@quantbot/bus-format/journal';
import { busLayout } from '@quantbot/infra/bus';
import { fileNames } from '@quantbot/infra/files';
import { type StorageError, storageError } from '../errors.js';
import { clusterWith } from './cluster-with.js';

/**
 * Returns the error of a missing file that was a forgotten artifact of a bus, or undefined. Only
 * called for files that do not exist.
 */
export async function forgottenFile(path: string): Promise<StorageError | undefined> {
  const root = dirname(dirname(dirname(dirname(path))));
  const relPath = relative(root, path);
  if (!relPath.startsWith('store/') || !existsSync(join(root, fileNames.marker))) return undefined;
  if (clusterWith(path) !== undefined) return forgottenObject(path);
  const journal = await Journal.read(busLayout(root)).catch(() => undefined);
  try {
    const [row] =
      (await journal?.query<ForgottenRow>(
        'SELECT artifact_key, seq, forgotten_at AS at FROM _bus.forgotten WHERE rel_path IN (SELECT unnest($1))',
        [relPath],
      )) ?? [];
    return row && forgottenError(row);
  } finally {
    journal?.close();
  }
}

/**
 * Like {@link forgottenFile} for the place of an artifact in the object store of a cluster, which
 * `bus_config.json` must describe. Returns undefined if its lake cannot be read.
 */
export async function forgottenObject(place: string): Promise<StorageError | undefined> {
  const cluster = clusterWith(place);
  if (cluster === undefined) return undefined;
  const { openLakeDatabase } = await import('./lake-source.js');
  const { lakeAddresses } = await import('../lake/lake-address.js');
  const lake = await openLakeDatabase(lakeAddresses(cluster)).catch(() => undefined);
  try {
    const [row] =
      (await lake?.query<ForgottenRow>(
        `SELECT a.artifact_key, f.seq, f.forgotten_at AS at
         FROM catalog.artifacts_f a JOIN catalog.forgotten_f f USING (artifact_key)
         WHERE a.canonical_path = ? AND a.forgotten_at IS NOT NULL`,
        [place],
      )) ?? [];
    return row && forgottenError(row);
  } finally {
    await lake?.close();
  }
}

interface ForgottenRow {
  artifact_key: string;
  seq: bigint | number;
  at: Date;
}

const forgottenError = ({ artifact_key, at, seq }: ForgottenRow): StorageError =>
  storageError(
    'ARTIFACT_FORGOTTEN',
    `${artifact_key} was forgotten at ${at.toISOString()} (seq ${seq}); its bytes are gone.`,
  );
