import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError, daemonError } from '@quantbot/bus-format';
import {
  checkSeal,
  damaged,
  emptyCommit,
  ensureEmptyCommit,
  Journal,
  listHotCommits,
  listSegments,
  rottenJournalFiles,
  seqName,
} from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra';
import { copyFileDurable, syncFolder, systemErrorCode, tryLink } from '@quantbot/infra/files';
import { isSameFile, keepTimes } from './same-file.js';

const attempts = 20;

/**
 * Copies the journal as it is at one moment. Compaction may take away a file that has just been
 * listed, or move commits between two listings: then everything is done again. What is in the copy
 * in the end has no gap, which its own check says.
 *
 * @returns the copy, open.
 * @throws DaemonError `BACKUP_RACED` when compaction was faster every time; `JOURNAL_DAMAGED` when
 * the journal itself has a gap, or has rotted where the earlier backup has no good copy.
 */
export async function copyJournal(source: BusLayout, earlier: BusLayout, next: BusLayout): Promise<Journal> {
  for (let attempt = 1; ; attempt++) {
    let rotten: string[] = [];
    try {
      // In this order: what compaction moves in between is met twice, not never.
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
 * Takes the earlier backup's copy of each file that has rotted in the bus.
 *
 * @returns the files of which there is no good copy.
 */
async function replaceRotten(earlier: BusLayout, next: BusLayout): Promise<string[]> {
  const lost: string[] = [];
  for (const path of await rottenJournalFiles(next)) {
    const [good, target] = [join(earlier.journal, path), join(next.journal, path)];
    const [there, copied] = [await stat(good).catch(() => undefined), await stat(target)];
    // Rot changes no size; a bus that was set back uses its numbers again.
    if (there?.size === copied.size && (await checkSeal(good)) === 'sound') {
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
 * The rows of each commit; of its files of canonical tables only the names, since the store has
 * them.
 */
async function copyHot(source: BusLayout, next: BusLayout): Promise<void> {
  for (const name of [emptyCommit, ...(await listHotCommits(source.hot)).map(seqName)]) {
    const [from, to] = [join(source.hot, name), join(next.hot, name)];
    await mkdir(to);
    for (const file of await readdir(from))
      if (file === 'commit.parquet' || name === emptyCommit) await copyFileDurable(join(from, file), join(to, file));
      else await writeFile(join(to, file), '');
  }
  await syncFolder(next.hot);
}

/**
 * A segment of an earlier backup is taken when it is the same file, as its name, size and time
 * tell.
 */
async function copySegments(source: BusLayout, earlier: BusLayout, next: BusLayout): Promise<void> {
  for (const { name } of (await listSegments(source.segments)).live) {
    const from = join(source.segments, name);
    const to = join(next.segments, name);
    const there = join(earlier.segments, name);
    const info = await stat(from);
    // The name alone does not tell: a bus that was set back uses its numbers again.
    const isThere = isSameFile(info, await stat(there).catch(() => undefined)) && (await checkSeal(there)) !== 'rotten';
    if (isThere && tryLink(there, to)) continue;
    await copyFileDurable(from, to);
    await keepTimes(to, info);
  }
  await syncFolder(next.segments);
}
