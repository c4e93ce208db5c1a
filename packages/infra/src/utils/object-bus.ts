import { statSync } from 'node:fs';
import { maxMarkerBytes, objectKeys, storeObjectKey } from '../bus-layout.js';
import { markerIn } from '../bus-root.js';
import { busError } from '../errors.js';
import { faultPoint } from '../fault-point.js';
import { digestFile, digestOf } from '../files/digest.js';
import { readSmallFile, smallFileBytes } from '../files/read-small.js';
import { newJobId } from '../ids.js';
import type { ObjectArtifact } from '../manifest.js';
import type { Objects, S3Options } from '../objects/objects.js';
import { openObjects } from '../objects/open.js';
import type { Operation } from '../operation.js';
import { readFooterIn, readParquetFooter } from '../parquet/footer.js';
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
import { asSubmission, enterObjectInbox, showOperator, storeObject, unlessDenied } from './object-inbox.js';
import { objectOutcome } from './object-outcome.js';
import type { SubmitArtifactsOptions } from './options.js';
import { severalFiles } from './several-files.js';
import type { BusTarget, EnteredJob } from './target.js';

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

async function operate(objects: Objects, op: Operation): Promise<EnteredJob> {
  const jobId = newJobId(op.type);
  const manifest = manifestText(operationOf(jobId, op));
  await showOperator(objects, { jobId, op }, manifest);
  return enterObjectInbox(objects, jobId, manifest, true);
}

async function submitJob(objects: Objects, jobId: string, options: SubmitArtifactsOptions): Promise<EnteredJob> {
  for (const artifact of options.artifacts) await checkFile(artifact);
  const givenAway = options.artifacts
    .filter(({ transfer = options.transfer }) => transfer === 'move')
    .map(({ parquetPath }) => givenAwayAt(parquetPath));
  const uploaded = await severalFiles(options.artifacts, async artifact => {
    const entry = await upload(objects, options, artifact);
    faultPoint('submit:copied');
    return entry;
  });
  const manifestBytes = manifestText(manifestOf(jobId, options, uploaded));
  faultPoint('submit:staged');
  const job = await enterObjectInbox(objects, jobId, manifestBytes, options.jobId === undefined);
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
  await storeObject(objects, object, content ?? { path }, digest);
  return manifestEntry(artifact, { object }, rows, digest);
}
