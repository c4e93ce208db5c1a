import { statSync } from 'node:fs';
import { maxMarkerBytes, objectKeys, storeObjectKey } from '../bus-layout.js';
import { markerIn } from '../bus-root.js';
import { BusError, busError } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { type ContentDigest, digestFile, digestOf } from '../files/digest.js';
import { readSmallFile, smallFileBytes } from '../files/read-small.js';
import { newJobId } from '../ids.js';
import { maxManifestBytes, type ObjectArtifact, type ObjectManifest, parseObjectManifest } from '../manifest.js';
import { hashObject } from '../objects/hash-object.js';
import type { Objects, S3Options } from '../objects/objects.js';
import { openObjects } from '../objects/open.js';
import { isForOperators, type Operation } from '../operation.js';
import { readFooterIn, readParquetFooter } from '../parquet/footer.js';
import {
  type ArtifactToSubmit,
  checkFile,
  checkRows,
  contentOf,
  manifestEntry,
  manifestOf,
  manifestText,
  operationOf,
} from './describe-job.js';
import { dropGivenAway, givenAwayAt } from './given-away.js';
import { objectOutcome } from './object-outcome.js';
import type { SubmitArtifactsOptions } from './options.js';
import { submitFailed } from './submit-failed.js';
import type { BusTarget, EnteredJob } from './target.js';

/** How many files of a job are sent at once. */
const uploadsAtOnce = 4;

/** The buses that this process has opened. Each keeps its connections. */
const opened = new Map<string, Promise<BusTarget>>();

/**
 * Opens the bus on an object store, once per process and environment.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND` if there is no marker; as `openObjects`.
 */
export function openObjectBus(url: string, s3: S3Options = {}): Promise<BusTarget> {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
  const key = JSON.stringify([url, s3, settings.sort()]);
  const known = opened.get(key);
  if (known !== undefined) return known;
  const opening = asSubmission(open(url, s3));
  opened.set(key, opening);
  opening.catch(() => opened.delete(key));
  return opening;
}

async function open(url: string, s3: S3Options): Promise<BusTarget> {
  const objects = await openObjects(url, s3);
  await checkMarker(objects);
  return {
    root: objects.url,
    submit: (jobId, options) => asSubmission(submitJob(objects, jobId, options)),
    operate: op => asSubmission(operate(objects, op)),
    outcome: objectOutcome(objects),
  };
}

/** Checks that the bus exists. A producer with only write permission skips this check. */
async function checkMarker(objects: Objects): Promise<void> {
  const marker = await unlessDenied(objects.read(objectKeys.marker, maxMarkerBytes));
  if (marker === 'denied') return;
  if (marker === undefined)
    throw busError(
      'BUS_ROOT_NOT_FOUND',
      `${objects.url} is not a bus: it has no ${objectKeys.marker}, so no daemon would read a job there.`,
      { hint: 'Run `quantbot-bus cluster init` once, or correct the root of the bus.' },
    );
  markerIn(marker.toString('utf8'), objects.url, `${objects.url}/${objectKeys.marker}`);
}

/** Producers may not write below `operators/`: an object there shows that an operator asks. */
async function operate(objects: Objects, op: Operation): Promise<EnteredJob> {
  const jobId = newJobId(op.type);
  const manifest = manifestText(operationOf(jobId, op));
  if (isForOperators(op)) await objects.create(objectKeys.operator(jobId), Buffer.from(digestOf(manifest).sha256));
  return enterInbox(objects, jobId, manifest, true);
}

async function submitJob(objects: Objects, jobId: string, options: SubmitArtifactsOptions): Promise<EnteredJob> {
  for (const artifact of options.artifacts) await checkFile(artifact);
  const givenAway = options.artifacts
    .filter(({ transfer = options.transfer }) => transfer === 'move')
    .map(({ parquetPath }) => givenAwayAt(parquetPath));
  const uploaded: ObjectArtifact[] = [];
  let next = 0;
  const uploader = async () => {
    while (next < options.artifacts.length) {
      const index = next++;
      uploaded[index] = await upload(objects, options, options.artifacts[index] as ArtifactToSubmit);
      faultPoint('submit:copied');
    }
  };
  try {
    await Promise.all(Array.from({ length: uploadsAtOnce }, uploader));
  } finally {
    next = options.artifacts.length; // after a failure, start no other upload
  }
  const manifestBytes = manifestText(manifestOf(jobId, options, uploaded));
  faultPoint('submit:staged');
  const job = await enterInbox(objects, jobId, manifestBytes, options.jobId === undefined);
  dropGivenAway(givenAway);
  return job;
}

/**
 * Uploads a file to its final key. The key contains the hash, so an object that is already there
 * should have the same content.
 */
async function upload(
  objects: Objects,
  job: Pick<SubmitArtifactsOptions, 'runId' | 'producer' | 'kind'>,
  artifact: ArtifactToSubmit,
): Promise<ObjectArtifact> {
  const path = artifact.parquetPath;
  const content =
    statSync(path).size > smallFileBytes ? undefined : readSmallFile(path, smallFileBytes, { followLinks: true });
  const digest = content === undefined ? await digestFile(path) : digestOf(content);
  const rows = checkRows(artifact, content === undefined ? await readParquetFooter(path) : readFooterIn(content));
  const { runId, producer } = job;
  const kind = artifact.kind ?? job.kind;
  const object = storeObjectKey({ runId, producer, kind, artifactId: artifact.artifactId }, digest.sha256);
  const created = await objects.create(object, content ?? { path }, { sha256: digest.sha256 });
  if (created === 'exists') await checkSame(objects, object, digest);
  return manifestEntry(artifact, { object }, rows, digest);
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
async function enterInbox(
  objects: Objects,
  jobId: string,
  manifestBytes: Uint8Array,
  isNewId: boolean,
): Promise<EnteredJob> {
  const manifest = parseObjectManifest(manifestBytes);
  const waiting = isNewId ? undefined : await waitingJob(objects, manifest);
  if (waiting !== undefined) return { manifest, manifestBytes: waiting };
  // An object that has this name is this manifest, from an attempt whose answer was lost.
  await orUnknown(objects.create(objectKeys.inbox(jobId, digestOf(manifestBytes).sha256), manifestBytes));
  return { manifest, manifestBytes };
}

/**
 * Returns the manifest of a waiting job with the same id and content. Returns undefined if this
 * producer may not look: it then submits again, and the bus takes the same content only once.
 */
async function waitingJob(objects: Objects, manifest: ObjectManifest): Promise<Buffer | undefined> {
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

function isSame(waiting: Uint8Array, manifest: ObjectManifest): boolean {
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

async function unlessDenied<T>(work: Promise<T>): Promise<T | 'denied'> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BusError && error.code === 'OBJECT_STORE_DENIED') return 'denied';
    throw error;
  }
}

/** Turns every error of the store into `SUBMIT_FAILED`. */
async function asSubmission<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BusError && error.code.startsWith('OBJECT_STORE_'))
      throw submitFailed(error, `${error.hint} Nothing was submitted.`);
    throw error;
  }
}
