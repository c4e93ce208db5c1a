import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { carriedManifest, isManifestOf, putOutcome } from '@quantbot/bus-cluster';
import { concurrently, ignoreMissing, unlessUnreadable } from '@quantbot/bus-format';
import { isRejection, type Journal, type JournalRow, maxOutcomeBytes } from '@quantbot/bus-format/journal';
import { submittableIn } from '@quantbot/bus-format/state';
import { type Manifest, parseManifest } from '@quantbot/infra';
import { type BusLayout, maxManifestBytes, storeObjectKey } from '@quantbot/infra/bus';
import { digestFile, fileNames, inFolder, readLoneFile } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { toObjects } from './map-rows.js';

const jobsAtOnce = 500;
const writesAtOnce = 16;

/** Matches the names of jobs in `processed/` and `rejected/`, except archived ones. */
const namesIn = async (folder: string): Promise<string[]> =>
  ((await readdir(folder).catch(ignoreMissing)) ?? []).filter(name => !name.includes('~') && !name.startsWith('.'));

/** Writes the receipts, and the reasons of rejected jobs with the files for a retry. */
export async function copyOutcomes(
  layout: BusLayout,
  journal: Journal,
  objects: Objects,
): Promise<{ receipts: number; rejected: number }> {
  const receipts = await eachOutcome(layout.processed, fileNames.receipt, journal, false, async (_, rows) =>
    putOutcome(objects, rows.map(toObjects), { manifest: undefined, names: journal.names }),
  );
  const rejected = await eachOutcome(layout.rejected, fileNames.rejectReason, journal, true, async (jobId, rows) =>
    putOutcome(objects, rows.map(toObjects), {
      manifest: await manifestForRetry(join(layout.rejected, jobId), rows, objects),
      names: journal.names,
    }),
  );
  return { receipts, rejected };
}

/** Calls `write` for each job that has an outcome, with the rows behind it. */
async function eachOutcome(
  folder: string,
  file: string,
  journal: Journal,
  rejections: boolean,
  write: (jobId: string, rows: JournalRow[]) => Promise<void>,
): Promise<number> {
  const names = await namesIn(folder);
  let written = 0;
  for (let from = 0; from < names.length; from += jobsAtOnce) {
    const ids = names.slice(from, from + jobsAtOnce);
    const jobs = new Map<string, JournalRow[][]>();
    const rows = await journal.rows('WHERE job_id IN (SELECT unnest($1))', ids);
    for (const row of rows) {
      const ofId = jobs.get(row.job_id) ?? [];
      if (ofId.at(-1)?.[0]?.seq === row.seq) ofId.at(-1)?.push(row);
      else ofId.push([row]);
      jobs.set(row.job_id, ofId);
    }
    await concurrently(
      ids,
      async jobId => {
        const fitting = (jobs.get(jobId) ?? []).filter(job => isRejection(job) === rejections);
        const seq = seqIn(join(folder, jobId, file));
        const job = fitting.find(([row]) => row?.seq === seq) ?? fitting.at(-1);
        if (job === undefined) return;
        await write(jobId, job);
        written++;
      },
      writesAtOnce,
    );
  }
  return written;
}

/** Returns the seq in a receipt or reason; undefined if it is missing or damaged. */
function seqIn(path: string): unknown {
  return unlessUnreadable(
    () => (JSON.parse(readLoneFile(path, maxOutcomeBytes).toString('utf8')) as { seq: unknown }).seq,
  );
}

/**
 * Puts the files of a rejected job into the store, where an orphan does no harm. Returns a manifest
 * that names them; undefined if the job cannot be submitted again unchanged.
 */
async function manifestForRetry(
  folder: string,
  [row]: readonly JournalRow[],
  objects: Objects,
): Promise<Buffer | undefined> {
  const job = submittableIn(folder);
  if (job === undefined) return undefined;
  const bytes = unlessUnreadable(() => readLoneFile(join(job, fileNames.manifest), maxManifestBytes));
  // A damaged manifest cannot be retried.
  if (bytes === undefined || row === undefined || !isManifestOf(bytes, row)) return undefined;
  const manifest = unlessUnreadable(() => parseManifest(bytes));
  if (manifest === undefined) return undefined;
  if (manifest.op !== undefined) return bytes;
  const artifacts: object[] = [];
  for (const artifact of manifest.artifacts) {
    const carried = await carry(job, manifest, artifact, objects);
    if (carried === undefined) return undefined;
    artifacts.push(carried);
  }
  return carriedManifest({ ...manifest, artifacts }, row.manifest_sha256 ?? '');
}

async function carry(
  job: string,
  manifest: Manifest,
  { relpath, ...artifact }: Manifest['artifacts'][number],
  objects: Objects,
): Promise<object | undefined> {
  if (relpath.includes('/') || (await lstat(join(job, relpath)).catch(() => undefined))?.isFile() !== true)
    return undefined;
  const path = inFolder(job, relpath);
  const { bytes, sha256 } = await digestFile(path);
  if ((artifact.sha256 ?? sha256) !== sha256 || (artifact.bytes ?? bytes) !== bytes) return undefined;
  const { run_id: runId, producer, kind } = manifest;
  const parts = { runId, producer, kind: artifact.kind ?? kind, artifactId: artifact.artifact_id };
  const object = storeObjectKey(parts, sha256);
  await objects.create(object, { path }, { sha256 });
  return { ...artifact, object, bytes, sha256 };
}
