import { lstat, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError, daemonError } from '@quantbot/bus-format';
import {
  checkSeal,
  damaged,
  emptyCommit,
  emptyTableFile,
  ensureEmptyCommit,
  Journal,
  listHotCommits,
  listSegments,
  placeIn,
  rottenJournalFiles,
  seqName,
} from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import { copyFileDurable, syncFolder, systemErrorCode, tryLink } from '@quantbot/infra/files';
import { isSameFile, keepTimes } from './same-file.js';

const attempts = 20;

/**
 * Copies the journal as of one moment. If compaction removes a listed file or moves commits between
 * two listings, the copy starts again. A check at the end shows that the copy has no gap.
 *
 * @returns the copy, open.
 * @throws DaemonError `BACKUP_RACED` if compaction interfered with every attempt; `JOURNAL_DAMAGED`
 * if the journal itself has a gap, or has rotted and the earlier backup has no good copy.
 */
export async function copyJournal(source: BusLayout, earlier: BusLayout, next: BusLayout): Promise<Journal> {
  for (let attempt = 1; ; attempt++) {
    let rotten: string[] = [];
    try {
      // In this order: files that compaction moves in between are copied twice instead of never.
      await copyHot(source, next);
      await copySegments(source, earlier, next);
      await ensureEmptyCommit(next);
      rotten = await replaceRotten(earlier, next);
      if (rotten.length === 0) return await openChecked(next);
    } catch (error) {
      const isDamaged = error instanceof DaemonError && error.code === 'JOURNAL_DAMAGED';
      if (systemErrorCode(error) !== 'ENOENT' && !isDamaged) throw error;
      if (attempt === attempts)
        throw isDamaged ? error : daemonError('BACKUP_RACED', 'The daemon compacted the journal while it was copied.');
    }
    if (rotten.length > 0) throw damaged(source, rotten);
    for (const folder of [next.segments, next.hot]) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder);
    }
  }
}

/**
 * Replaces each rotten file by the earlier backup's copy.
 *
 * @returns the files without a good copy.
 */
async function replaceRotten(earlier: BusLayout, next: BusLayout): Promise<string[]> {
  const lost: string[] = [];
  for (const path of await rottenJournalFiles(next)) {
    const [good, target] = [join(earlier.journal, path), join(next.journal, path)];
    const [there, copied] = [await stat(good).catch(() => undefined), await stat(target)];
    // Rot does not change the size. A bus that was set back may use the same number for another
    // file.
    if (there?.size === copied.size && (await checkSeal(good, { place: placeIn(earlier, good) })) === 'sound') {
      await rm(target);
      await copyFileDurable(good, target);
    } else lost.push(path);
  }
  return lost;
}

async function openChecked(next: BusLayout): Promise<Journal> {
  const journal = await Journal.read(next);
  try {
    await journal.check();
    return journal;
  } catch (error) {
    journal.close();
    throw error;
  }
}

/**
 * Copies the rows of each commit. Of its canonical files it copies only the names, because the
 * store has the content.
 */
async function copyHot(source: BusLayout, next: BusLayout): Promise<void> {
  for (const name of [emptyCommit, ...(await listHotCommits(source.hot)).map(seqName)]) {
    const [from, to] = [join(source.hot, name), join(next.hot, name)];
    await mkdir(to);
    for (const file of (await readdir(from)).filter(isOfCommit))
      if (file === 'commit.parquet') await copyRegular(join(from, file), join(to, file));
      else await writeFile(join(to, file), name === emptyCommit ? emptyTableFile() : '');
  }
  await syncFolder(next.hot);
}

/** Whether a name belongs to the commit. Files moved aside in its folder have other names. */
const isOfCommit = (name: string): boolean => name.endsWith('.parquet');

/** Copies a regular file. Anything else becomes an empty file, which checks report as damaged. */
async function copyRegular(from: string, to: string): Promise<void> {
  if ((await lstat(from)).isFile()) await copyFileDurable(from, to);
  else await writeFile(to, '');
}

/**
 * Copies the segments. It reuses a segment of the earlier backup if name, size and time are equal.
 */
async function copySegments(source: BusLayout, earlier: BusLayout, next: BusLayout): Promise<void> {
  for (const { name } of (await listSegments(source.segments)).live) {
    const from = join(source.segments, name);
    const to = join(next.segments, name);
    const there = join(earlier.segments, name);
    const info = await stat(from);
    // The name alone is not enough: a bus that was set back reuses its numbers.
    const isThere =
      isSameFile(info, await stat(there).catch(() => undefined)) &&
      (await checkSeal(there, { place: placeIn(earlier, there) })) !== 'rotten';
    if (isThere && tryLink(there, to)) continue;
    await copyRegular(from, to);
    await keepTimes(to, info);
  }
  await syncFolder(next.segments);
}
