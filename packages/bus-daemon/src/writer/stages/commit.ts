import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import type { CanonTable } from '@quantbot/bus-format/canon';
import {
  commitFile,
  ensureEmptyTableFiles,
  type JournalRow,
  seqName,
  tableFileName,
} from '@quantbot/bus-format/journal';
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

/**
 * In: a batch whose files are in the store. Out: the same jobs, committed, with their rows of the
 * journal. Durable effect: `journal/hot/<last seq>/`, built outside every glob and renamed in. That
 * rename is the commit point and the publication. A crash before it leaves a half-built folder,
 * which the next start removes. After it, the batch is committed.
 */
export async function commit(bus: Bus, { jobs, tables }: DecidedBatch): Promise<CommittedJob[]> {
  if (jobs.length === 0) return [];
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
  const lastSeq = firstSeq + jobs.length - 1;
  for (const table of [...tables.changed(), ...restoredBy(jobs)]) await ensureEmptyTableFiles(bus.layout, table);
  const building = join(bus.layout.building, seqName(lastSeq));
  const tableFiles = await build(bus, building, jobs, committed, tables);
  await enterJournal(bus, building, lastSeq);
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

/**
 * Writes and flushes the folder, and returns its number of files of canonical tables. Nothing
 * refers to it yet, so after an error it is simply removed.
 */
async function build(
  bus: Bus,
  folder: string,
  jobs: DecidedBatch['jobs'],
  committed: readonly CommittedJob[],
  tables: DecidedBatch['tables'],
): Promise<number> {
  makeEmptyFolder(folder);
  try {
    await writeAndSync(join(folder, 'commit.parquet'), commitFile(committed.flatMap(job => job.rows)), 0o444);
    let tableFiles = 0;
    for (const [index, job] of jobs.entries())
      tableFiles += await linkCanonical(bus, folder, job, committed[index]?.rows ?? [], tables);
    await syncFolder(folder);
    return tableFiles;
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {}); // the next start also removes it
    throw isFlushFailure(error) ? journalFailed(error) : error;
  }
}

async function linkCanonical(
  bus: Bus,
  folder: string,
  job: AcceptedJob | RejectedJob,
  rows: readonly JournalRow[],
  tables: DecidedBatch['tables'],
): Promise<number> {
  if (isRejected(job)) return 0;
  let linked = 0;
  for (const [ordinal, artifact] of job.artifacts.entries()) {
    const name = tables.tableOf(artifact.entry.schema_hint);
    const seq = rows[ordinal]?.seq;
    if (name === undefined || seq === undefined || artifact.status !== 'ingested') continue;
    const stored = join(bus.layout.root, artifact.relPath);
    const target = join(folder, tableFileName(name, tables.get(name)?.generation ?? 0, seq, ordinal));
    if (!tryLink(stored, target)) await copyFileDurable(stored, target);
    linked++;
  }
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
