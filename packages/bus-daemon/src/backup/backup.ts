import { chmod, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import {
  type BusConfig,
  type BusLayout,
  busLayout,
  copyFileDurable,
  copyFileHashing,
  exists,
  makeFolderDurable,
  readBusMarker,
  removeTemporaries,
  syncFiles,
  syncFolder,
  systemErrorCode,
  tryLink,
  writeFileDurable,
} from '@quantbot/infra';
import { concurrently } from '../concurrent.js';
import { daemonError } from '../errors.js';
import { seqName } from '../journal/files.js';
import type { Journal } from '../journal/journal.js';
import type { JournalRow } from '../journal/row.js';
import type { OnProgress } from '../progress.js';
import { copyJobs } from './copy-jobs.js';
import { copyJournal } from './copy-journal.js';

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
  /** Artifacts whose file is missing or changed: one line each. An earlier backup's copy stays. */
  problems: string[];
}

const stepJobs = 10_000;
const atOnce = 4;
/** What is being made; the next backup begins it anew. */
const nextName = '.next';

/**
 * Makes or renews a copy of a bus, as of one moment, while the daemon works: jobs on their way first, then the journal, then what the journal names, so that whatever moves on
 * meanwhile is met at least once. Stored files never change, so that those of an earlier backup are not copied again. Each one that is copied is hashed.
 *
 * @throws DaemonError `BACKUP_TAKEN` for a folder that holds something else; BusError for a root that is no bus's.
 */
export async function backup(config: BusConfig, to: string, onProgress: OnProgress = () => {}): Promise<BackupReport> {
  const source = busLayout(config.busRoot);
  const destination = busLayout(resolve(to));
  await claimDestination(source, destination);
  const next = busLayout(join(destination.root, nextName));
  await rm(next.root, { recursive: true, force: true });
  for (const folder of [next.hot, next.segments, next.inbox, next.claimed, next.rejected])
    await makeFolderDurable(folder);
  const takenAt = new Date().toISOString();
  const jobs = await copyJobs(source, next);
  const journal = await copyJournal(source, destination, next);
  try {
    const copied = await copyStore(source, destination, journal, onProgress);
    await linkCanonical(destination, next, journal);
    const report = { destination: destination.root, seq: journal.lastSeq, takenAt, jobs, ...copied };
    await switchTo(destination, next);
    await writeFileDurable(join(destination.root, 'backup.json'), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  } finally {
    journal.close();
  }
}

/** A folder that is empty, or has an earlier backup of the same bus. */
async function claimDestination(source: BusLayout, destination: BusLayout): Promise<void> {
  const below = relative(source.root, destination.root);
  if (!below.startsWith('..')) throw daemonError('BACKUP_TAKEN', `${destination.root} is within the bus itself.`);
  await makeFolderDurable(destination.root);
  const marker = await readBusMarker(source.root);
  const there = await readBusMarker(destination.root);
  const isBackup = there !== undefined && (await exists(join(destination.root, 'backup.json')));
  const isEmpty = (await readdir(destination.root)).every(name => name === nextName || name.startsWith('.'));
  if (there === undefined ? !isEmpty : there.bus_id !== marker?.bus_id || !isBackup)
    throw daemonError('BACKUP_TAKEN', `${destination.root} holds something that is no backup of this bus.`);
  if (there === undefined) {
    // First of all, so that a backup that was interrupted is known as one.
    await writeFileDurable(join(destination.root, 'backup.json'), '{}\n');
    await copyFileDurable(source.marker, destination.marker);
  }
}

/** Copies the artifacts that the journal names and the destination does not have yet. */
async function copyStore(source: BusLayout, destination: BusLayout, journal: Journal, onProgress: OnProgress) {
  const done = { artifacts: 0, bytes: 0, copied: 0, problems: [] as string[] };
  const total = await journal.ingestedBytes(journal.lastSeq);
  for (let after = 0; after < journal.lastSeq; after += stepJobs) {
    const rows = await journal.ingestedBetween(after, Math.min(after + stepJobs, journal.lastSeq));
    for (const folder of new Set(rows.map(row => dirname(join(destination.root, row.rel_path ?? '')))))
      if (!(await exists(folder))) await makeFolderDurable(folder);
      else await removeTemporaries(folder);
    const outcomes = await concurrently(
      rows,
      async row => {
        const outcome = await copyArtifact(source, destination, row);
        done.bytes += row.bytes ?? 0;
        onProgress({ done: done.bytes, total, unit: 'bytes' });
        return outcome;
      },
      atOnce,
    );
    const copied = rows
      .filter((_, index) => outcomes[index] === 'copied')
      .map(row => join(destination.root, row.rel_path ?? ''));
    await syncFiles([...copied, ...new Set(copied.map(path => dirname(path)))]);
    done.artifacts += rows.length;
    done.copied += copied.length;
    done.problems.push(...outcomes.filter(outcome => outcome !== 'copied' && outcome !== 'there'));
  }
  return done;
}

/** `copied`, `there`, or what is wrong. The name comes last, so that a file under it is whole. */
async function copyArtifact(source: BusLayout, destination: BusLayout, row: JournalRow): Promise<string> {
  const path = row.rel_path ?? '';
  const target = join(destination.root, path);
  const there = await stat(target).catch(() => undefined);
  if (there?.size === row.bytes) return 'there';
  const temporary = join(dirname(target), `.${row.seq}-${row.ordinal}.000000000000.tmp`);
  await rm(temporary, { force: true });
  try {
    const { sha256 } = await copyFileHashing(join(source.root, path), temporary);
    if (sha256 !== row.sha256) {
      await rm(temporary);
      return `${path}: sha256 is ${sha256}, the journal has ${row.sha256} (seq ${row.seq})`;
    }
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return `${path}: missing, the journal has it since seq ${row.seq}`;
  }
  await chmod(temporary, 0o444);
  await rename(temporary, target);
  return 'copied';
}

/** Commits that are not compacted carry the files of canonical tables under a second name. */
async function linkCanonical(destination: BusLayout, next: BusLayout, journal: Journal): Promise<void> {
  const rows = await journal.ingestedBetween(journal.compactedSeq, journal.lastSeq);
  const paths = new Map(rows.map(row => [`${row.seq}-${row.ordinal}`, row.rel_path ?? '']));
  for (const seq of journal.hotCommits) {
    const folder = join(next.hot, seqName(seq));
    for (const name of await readdir(folder)) {
      const match = /~(\d+)-(\d+)\.parquet$/.exec(name);
      if (match === null) continue;
      const stored = join(destination.root, paths.get(`${Number(match[1])}-${Number(match[2])}`) ?? '');
      await rm(join(folder, name)); // a mark of what belongs here
      if (await exists(stored))
        if (!tryLink(stored, join(folder, name))) await copyFileDurable(stored, join(folder, name));
    }
    await syncFolder(folder);
  }
}

/** Until here an earlier backup is whole; what is between the renames, the next backup mends. */
async function switchTo(destination: BusLayout, next: BusLayout): Promise<void> {
  for (const folder of ['journal', 'inbox', 'claimed', 'rejected']) {
    const old = join(destination.root, `.old-${folder}`);
    await rm(old, { recursive: true, force: true });
    if (await exists(join(destination.root, folder))) await rename(join(destination.root, folder), old);
    await rename(join(next.root, folder), join(destination.root, folder));
    await rm(old, { recursive: true, force: true });
  }
  await syncFolder(destination.root);
  await rm(next.root, { recursive: true, force: true });
}
