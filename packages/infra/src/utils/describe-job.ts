import { statSync } from 'node:fs';
import { BusError, busError, systemErrorCode } from '../errors.js';
import { exactJson } from '../exact-json.js';
import type { ContentDigest } from '../files/digest.js';
import { type Manifest, manifestArtifactKey, maxManifestBytes, type ObjectManifest } from '../manifest.js';
import type { Operation } from '../operation.js';
import { type ParquetFooter, readParquetFooter } from '../parquet/footer.js';
import { currentTrace } from '../tracing.js';
import type { SubmitArtifactsOptions } from './options.js';

/** One artifact of the options. */
export type ArtifactToSubmit = SubmitArtifactsOptions['artifacts'][number];

/** Checks a file before copying anything, so that a mistake costs nothing. */
export async function checkFile(artifact: ArtifactToSubmit): Promise<void> {
  const path = artifact.parquetPath;
  try {
    if (!statSync(path).isFile())
      throw busError('ARTIFACT_MISSING', `${path} is not a file.`, { hint: 'Check the path of the Parquet file.' });
    checkRows(artifact, await readParquetFooter(path));
  } catch (cause) {
    const code = systemErrorCode(cause) ?? '';
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code))
      throw busError('ARTIFACT_MISSING', `There is no file at ${path}.`, { cause, hint: 'Check parquetPath.' });
    if (['EACCES', 'EPERM'].includes(code))
      throw busError('ARTIFACT_UNREADABLE', `This process may not read ${path}.`, {
        cause,
        hint: 'Check its permissions.',
      });
    throw cause instanceof BusError ? withPath(cause, path) : cause;
  }
}

/** Names the file of an error that speaks of the file: a job may have many. */
function withPath({ code, message, hint, details }: BusError, path: string): BusError {
  return busError(
    code,
    message.replace(/^The file(?= )/, () => path),
    { hint, details },
  );
}

/** Returns the number of rows. Throws if the caller named another number. */
export function checkRows(artifact: ArtifactToSubmit, { rows }: ParquetFooter): number {
  if (artifact.rows !== undefined && artifact.rows !== rows)
    throw busError('ROWS_MISMATCH', `${artifact.parquetPath} has ${rows} rows, not ${artifact.rows}.`);
  return rows;
}

/** Returns an artifact of a manifest, with the place of its content. */
export function manifestEntry<Place extends { relpath: string } | { object: string }>(
  artifact: ArtifactToSubmit,
  place: Place,
  rows: number,
  digest: ContentDigest,
) {
  return {
    artifact_id: artifact.artifactId,
    ...(artifact.kind !== undefined && { kind: artifact.kind }),
    format: 'parquet' as const,
    ...place,
    ...(artifact.schemaHint !== undefined && { schema_hint: artifact.schemaHint }),
    rows,
    ...digest,
    ...(artifact.meta !== undefined && { meta: artifact.meta }),
  };
}

type JobDescription = Pick<SubmitArtifactsOptions, 'runId' | 'producer' | 'kind' | 'inputs' | 'provenance' | 'meta'>;

/** Returns the manifest of a job. */
export function manifestOf(jobId: string, options: JobDescription, artifacts: readonly object[]): object {
  return {
    manifest_version: 1,
    job_id: jobId,
    run_id: options.runId,
    producer: options.producer,
    kind: options.kind,
    created_at_utc: new Date().toISOString(),
    artifacts,
    ...(options.inputs !== undefined && { inputs: options.inputs }),
    ...(options.provenance !== undefined && { provenance: options.provenance }),
    ...(options.meta !== undefined && { meta: options.meta }),
    ...currentTrace(),
  };
}

/** Returns the manifest of a job that asks for an operation. */
export const operationOf = (jobId: string, op: Operation): object => ({
  ...manifestOf(jobId, { runId: jobId, producer: 'quantbot-bus', kind: 'operation' }, []),
  op,
});

/** Returns the bytes of a manifest. @throws BusError `TOO_LARGE`. */
export function manifestText(draft: object): Uint8Array {
  const manifestBytes = new TextEncoder().encode(`${exactJson(draft, 2)}\n`);
  if (manifestBytes.byteLength > maxManifestBytes)
    throw busError(
      'TOO_LARGE',
      `The manifest would have ${manifestBytes.byteLength} bytes; ${maxManifestBytes} are allowed.`,
      {
        hint: 'Put large metadata into an artifact of its own, or split the job.',
      },
    );
  return manifestBytes;
}

/** Returns what two manifests of the same content have in common. */
export const contentOf = (manifest: Manifest | ObjectManifest): string =>
  JSON.stringify([
    manifest.op ?? null,
    ...manifest.artifacts.map(artifact => [manifestArtifactKey(manifest, artifact), artifact.sha256]),
  ]);
