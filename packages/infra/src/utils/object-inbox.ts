import { objectKeys } from '../bus-layout.js';
import { BusError, busError } from '../errors.js';
import { type ContentDigest, digestOf } from '../files/digest.js';
import { type Manifest, maxManifestBytes, type ObjectManifest, parseObjectManifest } from '../manifest.js';
import { hashObject } from '../objects/hash-object.js';
import type { Objects } from '../objects/objects.js';
import { isForOperators, type Operation } from '../operation.js';
import { contentOf } from './describe-job.js';
import { submitFailed } from './submit-failed.js';
import type { EnteredJob } from './target.js';

/**
 * Shows that an operator asks for an operation that producers may not ask for. Producers may not
 * write below `operators/`.
 */
export async function showOperator(
  objects: Objects,
  { jobId, op }: { jobId: string; op: Operation },
  manifestBytes: Uint8Array,
): Promise<void> {
  if (isForOperators(op)) await objects.create(objectKeys.operator(jobId), Buffer.from(digestOf(manifestBytes).sha256));
}

/** Creates the object of an artifact, or finds that it is there already. */
export async function storeObject(
  objects: Objects,
  object: string,
  body: Uint8Array | { path: string },
  digest: ContentDigest,
): Promise<void> {
  const created = await objects.create(object, body, { sha256: digest.sha256 });
  if (created === 'exists') await checkSame(objects, object, digest);
}

/**
 * Compares the existing object with the file. A producer that may not read relies on the name: the
 * daemon checks the object again.
 */
async function checkSame(objects: Objects, object: string, digest: ContentDigest): Promise<void> {
  const found = await unlessDenied(objects.head(object));
  if (found === 'denied') return;
  const sha256 = found?.sha256 ?? (await unlessDenied(hashObject(objects, object, found?.bytes ?? 0)));
  if (sha256 === 'denied') return;
  if (found?.bytes !== digest.bytes || sha256 !== digest.sha256)
    throw busError('CHECKSUM_MISMATCH', `The object ${object} has another content than its name says.`, {
      hint: 'Run `quantbot-bus verify` to see whether the bus uses it, and remove it if not.',
    });
}

/** At most this many waiting jobs with the same id are compared. */
const maxWaiting = 100;

/**
 * Creates the manifest in the inbox, which submits the job. A waiting job with the same id is fine
 * if its content is the same.
 *
 * @param isNewId whether the id is new, so that no other job can have it.
 */
export async function enterObjectInbox(
  objects: Objects,
  jobId: string,
  manifestBytes: Uint8Array,
  isNewId: boolean,
): Promise<EnteredJob> {
  const manifest = parseObjectManifest(manifestBytes);
  const waiting = isNewId ? undefined : await waitingInObjects(objects, manifest);
  if (waiting !== undefined) return { manifest, manifestBytes: waiting };
  // An object that has this name is this manifest, from an attempt whose answer was lost.
  await orUnknown(objects.create(objectKeys.inbox(jobId, digestOf(manifestBytes).sha256), manifestBytes));
  return { manifest, manifestBytes };
}

/**
 * Returns the manifest of a waiting job with the same id and content. Returns undefined if this
 * producer may not look: it then submits again, and the bus takes the same content only once.
 */
export async function waitingInObjects(
  objects: Objects,
  manifest: Manifest | ObjectManifest,
): Promise<Buffer | undefined> {
  const jobId = manifest.job_id;
  const listed = await unlessDenied(objects.list(objectKeys.inboxOf(jobId), { limit: maxWaiting }));
  for (const { key } of listed === 'denied' ? [] : listed) {
    const bytes = await unlessDenied(objects.read(key, maxManifestBytes));
    if (bytes === undefined || bytes === 'denied') continue; // the daemon took it meanwhile
    if (isSame(bytes, manifest)) return bytes;
    throw busError('JOB_ID_IN_USE', `A job ${jobId} with other content waits in the inbox.`);
  }
  return undefined;
}

function isSame(waiting: Uint8Array, manifest: Manifest | ObjectManifest): boolean {
  try {
    return contentOf(parseObjectManifest(waiting)) === contentOf(manifest);
  } catch (error) {
    if (error instanceof BusError) return false;
    throw error;
  }
}

/**
 * Runs work after which the store may have the manifest. The error of an unreachable store says
 * that the outcome is unknown.
 */
async function orUnknown<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof BusError) || error.code !== 'OBJECT_STORE_UNREACHABLE') throw error;
    throw submitFailed(
      error,
      'Submit again: the bus takes the same content only once. The outcome of this attempt is unknown.',
    );
  }
}

/** Returns `denied` if this program may not do it. */
export async function unlessDenied<T>(work: Promise<T>): Promise<T | 'denied'> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BusError && error.code === 'OBJECT_STORE_DENIED') return 'denied';
    throw error;
  }
}

/** Turns every error of the store into `SUBMIT_FAILED`. */
export async function asSubmission<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BusError && error.code.startsWith('OBJECT_STORE_'))
      throw submitFailed(error, `${error.hint} Nothing was submitted.`);
    throw error;
  }
}
