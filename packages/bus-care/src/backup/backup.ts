import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { OnProgress } from '@quantbot/bus-format';
import { type BusLayout, busLayout } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { makeFolderDurable, writeFileDurable } from '@quantbot/infra/files';
import { bringIn } from './bring-in.js';
import { copyJobs, keepModes } from './copy-jobs.js';
import { copyJournal } from './copy-journal.js';
import { copyStore, linkCanonical } from './copy-store.js';
import { lockBackup, markDestination, mustBeFree, mustContinue, nextName, reportFile } from './destination.js';
import { hashAgain } from './hash-again.js';

/** What a backup holds, as its `backup.json` says too. */
export interface BackupReport {
  /** Absolute path; it is laid out as a bus root. */
  destination: string;
  /** The last job that it has. */
  seq: number;
  takenAt: string;
  artifacts: number;
  bytes: number;
  /** Artifacts that were not there from an earlier backup. */
  copied: number;
  /** Jobs that had not settled, and rejected ones: they go on where the backup is restored. */
  jobs: number;
  /**
   * Artifacts whose file is missing or changed, and jobs that may not be read or are being changed:
   * one line each. An earlier backup's copy stays.
   */
  problems: string[];
}

/**
 * Makes or renews a copy of a bus, as of one moment, while the daemon works: jobs on their way
 * first, then the journal, then what the journal names, so that whatever moves on meanwhile is met
 * at least once. Stored files never change, so that those of an earlier backup are not copied
 * again. What is copied is hashed, and each earlier copy once in `scrub.interval`.
 *
 * @throws DaemonError `BACKUP_TAKEN` for a folder that holds something else; `BACKUP_AHEAD` for one
 * that has more than the bus; `BACKUP_BUSY`, `BACKUP_RACED`, `JOURNAL_DAMAGED`; BusError for a root
 * that is no bus's.
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
    await linkCanonical(destination, next, journal);
    await bringIn(destination, next, jobs);
    await keepModes(source, destination);
    const report: BackupReport = {
      destination: destination.root,
      seq: journal.lastSeq,
      takenAt: takenAt.toISOString(),
      ...copied,
      jobs: Object.values(jobs.met).reduce((sum, names) => sum + names.size, 0),
      problems: [...problems, ...jobs.problems],
    };
    await writeFileDurable(join(destination.root, reportFile), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  } finally {
    journal.close();
  }
}
