import { type ArtifactRecord, StorageError, storageCodes } from '@quantbot/storage';
import type { Reader } from './context.js';
import { refuse } from './http-error.js';

/**
 * Returns an artifact whose bytes are there. Its path comes from the catalog. The key of a request
 * is only compared with it.
 *
 * @throws DaemonError `ARTIFACT_NOT_FOUND`; StorageError `ARTIFACT_FORGOTTEN`.
 */
export async function storedArtifact(reader: Reader, key: string): Promise<ArtifactRecord> {
  const [artifact] = await reader.catalog({ ask: 'artifacts', key, limit: 1 });
  if (artifact === undefined) refuse('ARTIFACT_NOT_FOUND', `The bus knows no artifact ${key}.`);
  if (artifact.forgottenAt !== null)
    throw new StorageError(
      'ARTIFACT_FORGOTTEN',
      `${key} was forgotten at ${artifact.forgottenAt.toISOString()}; its bytes are gone.`,
      storageCodes.ARTIFACT_FORGOTTEN,
    );
  return artifact;
}
