import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Journal } from '@quantbot/bus-format/journal';
import { busLayout } from '@quantbot/infra/bus';
import { fileNames } from '@quantbot/infra/files';
import { type StorageError, storageError } from '../errors.js';

/**
 * Returns the error of a missing file that was a forgotten artifact of a bus, or undefined. Only
 * called for files that do not exist.
 */
export async function forgottenFile(path: string): Promise<StorageError | undefined> {
  const root = dirname(dirname(dirname(dirname(path))));
  const relPath = relative(root, path);
  if (!relPath.startsWith('store/') || !existsSync(join(root, fileNames.marker))) return undefined;
  const journal = await Journal.read(busLayout(root)).catch(() => undefined);
  try {
    const [row] =
      (await journal?.query<{ artifact_key: string; seq: bigint; at: Date }>(
        'SELECT artifact_key, seq, forgotten_at AS at FROM _bus.forgotten WHERE rel_path IN (SELECT unnest($1))',
        [relPath],
      )) ?? [];
    if (row === undefined) return undefined;
    return storageError(
      'ARTIFACT_FORGOTTEN',
      `${row.artifact_key} was forgotten at ${row.at.toISOString()} (seq ${row.seq}); its bytes are gone.`,
    );
  } finally {
    journal?.close();
  }
}
