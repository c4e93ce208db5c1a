import { type FileHandle, open } from 'node:fs/promises';
import { busError } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { type ContentDigest, digestFile } from '../files/digest.js';
import { newJobId } from '../ids.js';
import { type ManifestArtifact, parseManifest } from '../manifest.js';
import type { Operation } from '../operation.js';
import { readParquetFooter } from '../parquet/footer.js';
import {
  type ArtifactToSubmit,
  checkFile,
  checkRows,
  manifestEntry,
  manifestOf,
  manifestText,
  operationOf,
} from './describe-job.js';
import { dropGivenAway, givenAwayAt } from './given-away.js';
import { httpOutcome } from './http-outcome.js';
import type { SubmitArtifactsOptions } from './options.js';
import { asBusError, askServer, ServerError, withRetries } from './server.js';
import { severalFiles } from './several-files.js';
import type { BusTarget, EnteredJob } from './target.js';

/** The bytes of a request. */
const partBytes = 8 * 1024 * 1024;
/** How often the files are sent again if the server has lost them. */
const maxRounds = 3;

/** The bus behind the server of a daemon. */
export function httpBus(root: string): BusTarget {
  return {
    root,
    submit: (jobId, options) => submitJob(root, jobId, options),
    operate: op => operate(root, op),
    outcome: httpOutcome(root, 'jobs'),
  };
}

/** Asks for an operation once: a second one may have another outcome than the first. */
async function operate(root: string, op: Operation): Promise<EnteredJob> {
  const jobId = newJobId(op.type);
  const manifestBytes = manifestText(operationOf(jobId, op));
  try {
    const waiting = await post(root, '/api/v1/operations', manifestBytes);
    return { manifest: parseManifest(manifestBytes), manifestBytes: waiting, outcome: httpOutcome(root, 'operations') };
  } catch (error) {
    throw asBusError(
      root,
      error,
      `The outcome is unknown. Look with \`quantbot-bus jobs ${jobId}\` on the daemon's machine before you ask again.`,
    );
  }
}

async function submitJob(root: string, jobId: string, options: SubmitArtifactsOptions): Promise<EnteredJob> {
  for (const artifact of options.artifacts) await checkFile(artifact);
  const givenAway = options.artifacts
    .filter(({ transfer = options.transfer }) => transfer === 'move')
    .map(({ parquetPath }) => givenAwayAt(parquetPath));
  const files: { path: string; digest: ContentDigest }[] = [];
  const entries: ManifestArtifact[] = [];
  for (const [index, artifact] of options.artifacts.entries()) {
    const path = artifact.parquetPath;
    const digest = await digestFile(path);
    const rows = checkRows(artifact, await readParquetFooter(path));
    files.push({ path, digest });
    entries.push(manifestEntry(artifact, { relpath: nameOf(artifact, index) }, rows, digest));
  }
  const manifestBytes = manifestText(manifestOf(jobId, options, entries));
  for (let round = 1; ; round++) {
    await sendAll(root, files);
    faultPoint('submit:staged');
    const waiting = await enterInbox(root, manifestBytes, round === maxRounds);
    if (waiting === undefined) continue; // the server has lost a file: it was old, or another job took it
    dropGivenAway(givenAway);
    return { manifest: parseManifest(manifestBytes), manifestBytes: waiting };
  }
}

/** Returns the name of a file in its job. */
const nameOf = ({ artifactId }: ArtifactToSubmit, index: number): string => `${index}-${artifactId}.parquet`;

async function sendAll(root: string, files: readonly { path: string; digest: ContentDigest }[]): Promise<void> {
  const contents = new Map(files.map(file => [`${file.digest.sha256}-${file.digest.bytes}`, file]));
  try {
    await severalFiles([...contents.values()], async ({ path, digest }) => {
      await send(root, path, digest);
      faultPoint('submit:copied');
    });
  } catch (error) {
    throw asBusError(root, error);
  }
}

/** Sends a file. After a broken connection it goes on where the server says. */
async function send(root: string, path: string, { sha256, bytes }: ContentDigest): Promise<void> {
  const at = `/api/v1/uploads/${sha256}-${bytes}`;
  const file = await open(path);
  let offset = 0;
  try {
    await withRetries(
      async () => {
        offset = offsetIn(await askServer(root, { method: 'GET', path: at }));
        while (offset < bytes) offset = await sendPart(root, at, file, { offset, bytes });
      },
      { progress: () => offset },
    );
  } finally {
    await file.close();
  }
}

async function sendPart(
  root: string,
  at: string,
  file: FileHandle,
  { offset, bytes }: { offset: number; bytes: number },
): Promise<number> {
  const body = Buffer.alloc(Math.min(partBytes, bytes - offset));
  const { bytesRead } = await file.read(body, 0, body.length, offset);
  if (bytesRead !== body.length)
    throw busError('BYTES_MISMATCH', `A file had ${bytes} bytes, and its size changed while it was sent.`);
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Range': `bytes ${offset}-${offset + body.length - 1}/${bytes}`,
  };
  return offsetIn(await askServer(root, { method: 'PUT', path: at, headers, body }));
}

function offsetIn({ headers }: Response): number {
  const offset = Number(headers.get('upload-offset') ?? Number.NaN);
  if (Number.isSafeInteger(offset)) return offset;
  throw new ServerError(200, {
    code: 'HTTP_FAILED',
    message: 'The server did not say how much it has.',
    hint: 'Check that the address is that of the server of a daemon, in this version or a newer one.',
    details: [],
  });
}

/**
 * Sends the manifest, which submits the job.
 *
 * @returns the manifest that waits in the inbox; undefined if a file must be sent again.
 */
async function enterInbox(root: string, manifest: Uint8Array, isLast: boolean): Promise<Uint8Array | undefined> {
  try {
    return await withRetries(() => post(root, '/api/v1/jobs', manifest));
  } catch (error) {
    if (error instanceof ServerError && error.code === 'UPLOAD_MISSING' && !isLast) return undefined;
    throw asBusError(
      root,
      error,
      'Submit again: the bus takes the same content only once. The outcome of this attempt is unknown.',
    );
  }
}

/** Sends a manifest, and returns the one that waits in the inbox. */
async function post(root: string, path: string, manifest: Uint8Array): Promise<Uint8Array> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await askServer(root, { method: 'POST', path, headers, body: new Uint8Array(manifest) });
  return Buffer.from(((await answer.json()) as { manifest: string }).manifest);
}
