import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { OnProgress } from '@quantbot/bus-format';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { makeFolderDurable, writeFileDurable } from '@quantbot/infra/files';
import { bringIn } from './bring-in.js';
import { clearPlaces, copyKeptRows, placesToClear } from './copy-forgotten.js';
import { copyJobs, keepModes } from './copy-jobs.js';
import { copyJournal } from './copy-journal.js';
import { copyStore, linkCanonical } from './copy-store.js';
import { lockBackup, markDestination, mustBeFree, mustContinue, nextName, reportFile } from './destination.js';
import { hashAgain } from './hash-again.js';

/** The content of a backup, as in its `backup.json`. */
export interface BackupReport {
  /** Absolute path. It has the layout of a bus root. */
  destination: string;
  /** The seq of its last job. */
  seq: number;
  takenAt: string;
  artifacts: number;
  bytes: number;
  /** Artifacts that this run copied because no earlier backup had them. */
  copied: number;
  /** Unsettled and rejected jobs. They continue where the backup is restored. */
  jobs: number;
  /**
   * Missing or changed files, and jobs that are unreadable or still changing: one line each. The
   * copy of an earlier backup stays.
   */
  problems: string[];
}

/**
 * Creates or updates a copy of a bus at one moment, while the daemon works.
 *
 * It copies jobs in flight first, then the journal, then the files that the journal names. A job
 * that moves on meanwhile is therefore copied at least once. Stored files never change, so those of
 * an earlier backup are not copied again. Each new copy is hashed, and each older copy once per
 * `scrub.interval`.
 *
 * @throws DaemonError `BACKUP_TAKEN` if the folder holds something else; `BACKUP_AHEAD` if the
 * backup has more than the bus; `BACKUP_BUSY`, `BACKUP_RACED`, `JOURNAL_DAMAGED`; BusError if the
 * root is not a bus.
 */
export async function backup(config: BusConfig, to: string, onProgress: OnProgress = () => {}): Promise<BackupReport> {
  const source = busLayout(config.busRoot);
  const destination = busLayout(resolve(to));
  await mustBeFree(source, destination);
  const release = await lockBackup(source);
  try {
    await markDestination(source, destination);
    return await renew(config, destination, onProgress);
  } finally {
    release();
  }
}

async function renew(config: BusConfig, destination: BusLayout, onProgress: OnProgress): Promise<BackupReport> {
  const source = busLayout(config.busRoot);
  const next = busLayout(join(destination.root, nextName));
  await rm(next.root, { recursive: true, force: true });
  for (const folder of [next.hot, next.segments, next.inbox, next.claimed, next.rejected])
    await makeFolderDurable(folder);
  const takenAt = new Date();
  const isDue = await hashAgain(config, destination, takenAt.getTime());
  const jobs = await copyJobs(config, source, destination, next);
  const journal = await copyJournal(source, destination, next);
  try {
    await mustContinue(destination, journal);
    const { problems, ...copied } = await copyStore([source, destination], journal, isDue, onProgress);
    const { bytes } = copied;
    onProgress({ done: bytes, total: bytes, unit: 'bytes', what: 'canonical tables' });
    await linkCanonical(destination, next, journal);
    const kept = await copyKeptRows(source, destination, journal);
    onProgress({ done: bytes, total: bytes, unit: 'bytes', what: 'journal and jobs' });
    const forgotten = await placesToClear(journal, kept.length === 0);
    await bringIn(destination, next, jobs);
    await clearPlaces(destination, forgotten);
    await keepModes(source, destination);
    const report: BackupReport = {
      destination: destination.root,
      seq: journal.lastSeq,
      takenAt: takenAt.toISOString(),
      ...copied,
      jobs: Object.values(jobs.met).reduce((sum, names) => sum + names.size, 0),
      problems: [...problems, ...kept, ...jobs.problems],
    };
    await writeFileDurable(join(destination.root, reportFile), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  } finally {
    journal.close();
  }
}
