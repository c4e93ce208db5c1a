import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { daemonError } from '@quantbot/bus-format';
import type { CanonTable } from '@quantbot/bus-format/canon';
import { commitFile, ensureEmptyTableFiles, placeIn, seqName, tableFileName } from '@quantbot/bus-format/journal';
import {
  copyFileDurable,
  faultPoint,
  ownFolderMode,
  syncFolder,
  systemErrorCode,
  tryLink,
  writeAndSync,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { type AcceptedJob, type CommittedJob, isRejected, type RejectedJob } from '../job.js';
import type { DecidedBatch } from './decide.js';
import { rowsOfJob } from './job-rows.js';
import { takeOver } from './table-operation.js';
import { traceOf } from './trace-of.js';

/** A commit in `journal/building/`, which only lacks the files of its tables. */
export interface WrittenCommit {
  folder: string;
  firstSeq: number;
  jobs: CommittedJob[];
}

/**
 * In: a decided batch, whose files may still be on their way to the store. Out: its jobs with their
 * rows of the journal. Durable effect: a folder outside every glob, with the flushed file of these
 * rows. If it never becomes a commit, the next one replaces it, or the next start removes it.
 */
export async function writeCommit(bus: Bus, { jobs, tables }: DecidedBatch): Promise<WrittenCommit> {
  await setImmediate(); // the thread that stores gets its orders first
  const committedAt = bus.now();
  const firstSeq = bus.journal.lastSeq + 1;
  const committed = jobs.map((job, index) => ({
    claim: job.claim,
    jobId: job.jobId,
    folder: job.folder,
    sealed: job.sealed,
    own: job.own,
    named: job.own ? undefined : job.manifest?.artifacts.map(({ relpath }) => relpath),
    submittedAtMs: job.submittedAtMs,
    trace: traceOf(job.manifest),
    rows: rowsOfJob(job, firstSeq + index, committedAt),
    leftovers: leftoversOf(job),
  }));
  for (const table of [...tables.changed(), ...restoredBy(jobs)]) await ensureEmptyTableFiles(bus.layout, table);
  const name = seqName(firstSeq + jobs.length - 1);
  const folder = join(bus.layout.building, name);
  const place = placeIn(bus.layout, join(bus.layout.hot, name, 'commit.parquet'));
  const file = commitFile(
    committed.flatMap(job => job.rows),
    place,
  );
  makeEmptyFolder(folder);
  await orRemoved(folder, () => writeAndSync(join(folder, 'commit.parquet'), file, 0o444));
  return { folder, firstSeq, jobs: committed };
}

/**
 * In: a batch whose files are in the store, and what {@link writeCommit} has written for it. Out:
 * the committed jobs. Durable effect: `journal/hot/<last seq>/`, renamed in. That rename is the
 * commit point and the publication. After it, the batch is committed.
 */
export async function commit(
  bus: Bus,
  batch: DecidedBatch,
  { folder, firstSeq, jobs: committed }: WrittenCommit,
): Promise<CommittedJob[]> {
  const { jobs, tables } = batch;
  const lastSeq = firstSeq + jobs.length - 1;
  const tableFiles = await orRemoved(folder, () => linkTableFiles(bus, folder, batch, firstSeq));
  await enterJournal(bus, folder, lastSeq);
  bus.journal.noteCommit(lastSeq, tableFiles, keysOf(committed));
  noteTurns(bus, committed);
  bus.tables.adopt(tables);
  for (const [index, job] of jobs.entries())
    if (!isRejected(job) && job.tableChange !== undefined) takeOver(bus, job.tableChange, firstSeq + index);
  return committed;
}

/** Returns the tables that operations of a batch restore. */
const restoredBy = (jobs: DecidedBatch['jobs']): CanonTable[] =>
  jobs.flatMap(job => (isRejected(job) ? [] : (job.tableChange?.next?.get(job.tableChange.table) ?? [])));

/** The leftovers are the files in the job's folder, or the copies in the daemon's own folder. */
function leftoversOf(job: AcceptedJob | RejectedJob): string[] | undefined {
  if (isRejected(job)) return undefined;
  if (!job.own) return [...new Set(job.artifacts.map(({ file }) => basename(file)))];
  if (job.files === undefined) return undefined;
  return [...job.files.values()].every(info => info.kind === 'file') ? [...job.files.keys()] : undefined;
}

/**
 * Records that artifacts were forgotten or restored, for the views and the removal of their bytes.
 */
function noteTurns(bus: Bus, committed: readonly CommittedJob[]): void {
  for (const { seq, status, rel_path } of committed.flatMap(({ rows }) => rows)) {
    if (status !== 'restored' && status !== 'forgotten' && status !== 'erased') continue;
    bus.journal.noteTurn(seq);
    if (status !== 'restored') bus.returned.delete(rel_path ?? '');
  }
}

const keysOf = (committed: readonly CommittedJob[]): string[] =>
  committed.flatMap(({ rows }) => rows.flatMap(row => (row.status === 'ingested' ? (row.artifact_key ?? []) : [])));

/** Only flushes use another thread below, because a hand-over costs more than the other calls. */
function makeEmptyFolder(path: string): void {
  try {
    mkdirSync(path, ownFolderMode);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    rmSync(path, { recursive: true }); // from a failed attempt
    mkdirSync(path, ownFolderMode);
  }
}

/** Runs work in a commit's folder. Nothing refers to it yet, so after an error it is removed. */
async function orRemoved<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {}); // the next start also removes it
    throw isFlushFailure(error) ? journalFailed(error) : error;
  }
}

/** Links the files of canonical tables, flushes the folder, and returns the number of files. */
async function linkTableFiles(
  bus: Bus,
  folder: string,
  { jobs, tables }: DecidedBatch,
  firstSeq: number,
): Promise<number> {
  let linked = 0;
  for (const [index, job] of jobs.entries())
    for (const [ordinal, artifact] of (isRejected(job) ? [] : job.artifacts).entries()) {
      const name = tables.tableOf(artifact.entry.schema_hint);
      if (name === undefined || artifact.status !== 'ingested') continue;
      const stored = join(bus.layout.root, artifact.relPath);
      const generation = tables.get(name)?.generation ?? 0;
      const target = join(folder, tableFileName(name, generation, firstSeq + index, ordinal));
      if (!tryLink(stored, target)) await copyFileDurable(stored, target);
      linked++;
    }
  await syncFolder(folder);
  return linked;
}

async function enterJournal(bus: Bus, building: string, lastSeq: number): Promise<void> {
  faultPoint('commit:before-rename');
  bus.assertHeld();
  const target = join(bus.layout.hot, seqName(lastSeq));
  try {
    renameSync(building, target); // a second writer could not rename over an existing commit
  } catch (error) {
    const taken = ['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '');
    if (taken) throw daemonError('JOURNAL_DAMAGED', `Another process has committed ${target}.`, { cause: error });
    throw error;
  }
  faultPoint('commit:after-rename');
  try {
    await syncFolder(bus.layout.hot);
  } catch (error) {
    // Readers may see the commit already, but it may not be on the disk.
    throw journalFailed(error);
  }
  faultPoint('commit:after-sync');
}

/**
 * Whether a failed fsync makes the disk untrustworthy. A lack of space does not, any other failure
 * does.
 */
function isFlushFailure(error: unknown): boolean {
  const { syscall } = error as { syscall?: string };
  return syscall === 'fsync' && !['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '');
}

const journalFailed = (cause: unknown) =>
  daemonError('JOURNAL_FAILED', `The journal could not be flushed: ${(cause as Error).message}.`, { cause });
