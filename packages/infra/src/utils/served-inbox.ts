import { join } from 'node:path';
import { busLayout, fileNames, objectKeys, storeObjectKey } from '../bus-layout.js';
import { faultPoint } from '../fault-point.js';
import { readLoneFile } from '../files/read-small.js';
import {
  type Manifest,
  maxManifestBytes,
  type ObjectArtifact,
  type ObjectManifest,
  parseManifest,
} from '../manifest.js';
import type { Objects } from '../objects/objects.js';
import { manifestText } from './describe-job.js';
import { submitGiven, waitingJob } from './enter-inbox.js';
import { dropGivenAway, givenAwayAt } from './given-away.js';
import { localOutcome } from './local-outcome.js';
import { asSubmission, enterObjectInbox, showOperator, storeObject, waitingInObjects } from './object-inbox.js';
import { objectOutcome } from './object-outcome.js';
import type { OutcomeSource } from './settled.js';
import { severalFiles } from './several-files.js';

/** The inbox of a bus, for a server that submits the jobs of other programs. */
export interface ServedInbox {
  /**
   * Returns the manifest of a waiting job with the same id and content; undefined if none waits.
   *
   * @throws BusError `JOB_ID_IN_USE` for other content.
   */
  waiting(manifest: Manifest): Promise<Uint8Array | undefined>;
  /**
   * Submits a job of files that another program has brought, or an operation of someone who may ask
   * for it. Nothing else may write to the files.
   *
   * @param files the path of each file, by its name in the job. The files are given away.
   * @returns the manifest that waits in the inbox.
   * @throws BusError `MANIFEST_INVALID`, `JOB_ID_IN_USE`, `SUBMIT_FAILED`; system errors as they
   * come.
   */
  submit(manifestBytes: Uint8Array, files: ReadonlyMap<string, string>): Promise<Uint8Array>;
  outcome: OutcomeSource;
  /** Returns the manifest of a rejected job; undefined if it is not there or cannot be read. */
  rejectedManifest(jobId: string): Promise<Uint8Array | undefined>;
}

/** Returns the inbox in a folder of this machine. */
export const folderInbox = (busRoot: string): ServedInbox => ({
  waiting: manifest => waitingJob(busRoot, manifest),
  submit: async (manifestBytes, files) => (await submitGiven(busRoot, manifestBytes, files)).manifestBytes,
  outcome: localOutcome(busRoot),
  rejectedManifest: async jobId => {
    try {
      return readLoneFile(join(busLayout(busRoot).rejected, jobId, fileNames.manifest), maxManifestBytes);
    } catch {
      return undefined;
    }
  },
});

/** Returns the inbox on an object store. */
export const objectInbox = (objects: Objects): ServedInbox => ({
  waiting: manifest => asSubmission(waitingInObjects(objects, manifest)),
  submit: (manifestBytes, files) => asSubmission(submitToObjects(objects, parseManifest(manifestBytes), files)),
  outcome: objectOutcome(objects),
  rejectedManifest: jobId => objects.read(objectKeys.rejectedManifest(jobId), maxManifestBytes).catch(() => undefined),
});

/** As a producer does: each file under its final key, then the manifest. */
async function submitToObjects(
  objects: Objects,
  given: Manifest,
  files: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const givenAway = [...new Set(files.values())].map(givenAwayAt);
  const manifest = withObjects(given);
  await severalFiles<ObjectArtifact, void>(manifest.artifacts, async ({ object, sha256, bytes }, index) => {
    const { relpath = '' } = given.artifacts[index] ?? {};
    await storeObject(objects, object, { path: files.get(relpath) ?? '' }, { sha256, bytes });
  });
  const manifestBytes = manifestText(manifest);
  const { job_id: jobId, op } = given;
  if (op !== undefined) await showOperator(objects, { jobId, op }, manifestBytes);
  faultPoint('submit:staged');
  const entered = await enterObjectInbox(objects, jobId, manifestBytes, false);
  dropGivenAway(givenAway);
  return entered.manifestBytes;
}

/** Names each file by its key in the store instead of its name in the job. */
const withObjects = (manifest: Manifest): ObjectManifest => ({
  ...manifest,
  artifacts: manifest.artifacts.map(({ relpath: _, bytes = 0, sha256 = '', ...artifact }) => {
    const { run_id: runId, producer } = manifest;
    const { artifact_id: artifactId, kind = manifest.kind } = artifact;
    return { ...artifact, object: storeObjectKey({ runId, producer, kind, artifactId }, sha256), bytes, sha256 };
  }),
});
