import { chmod, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { concurrently, ignoreMissing, type OnProgress } from '@quantbot/bus-format';
import { type Journal, type JournalRow, seqName } from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import {
  copyFileDurable,
  copyFileHashing,
  digestFile,
  exists,
  makeFolderDurable,
  removeTemporaries,
  syncFiles,
  syncFolder,
  systemErrorCode,
  tryLink,
} from '@quantbot/infra/files';
import type { IsDue } from './hash-again.js';
import { isSameFile, keepTimes } from './same-file.js';

/** The content of the backup's store. */
export interface CopiedStore {
  artifacts: number;
  bytes: number;
  copied: number;
  problems: string[];
}

const stepJobs = 10_000;
const atOnce = 4;

/** Copies the artifacts that the journal names and the destination lacks. */
export async function copyStore(
  [source, destination]: readonly [source: BusLayout, destination: BusLayout],
  journal: Journal,
  isDue: IsDue,
  onProgress: OnProgress,
): Promise<CopiedStore> {
  const done: CopiedStore = { artifacts: 0, bytes: 0, copied: 0, problems: [] };
  const total = await journal.ingestedBytes(journal.lastSeq);
  for (let after = 0; after < journal.lastSeq; after += stepJobs) {
    const rows = await rowsToCopy(source, journal, after, Math.min(after + stepJobs, journal.lastSeq));
    for (const folder of new Set(rows.map(row => dirname(join(destination.root, row.rel_path ?? '')))))
      if (!(await exists(folder))) await makeFolderDurable(folder);
      else await removeTemporaries(folder);
    const outcomes = await concurrently(
      rows,
      async row => {
        const outcome = await copyArtifact(source, destination, row, isDue);
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

/**
 * Returns the artifacts to copy. A forgotten one counts as long as its table reads its file, which
 * the daemon keeps until then.
 */
async function rowsToCopy(source: BusLayout, journal: Journal, after: number, upTo: number): Promise<JournalRow[]> {
  const rows = await journal.ingestedBetween(after, upTo, journal.stored);
  if (upTo <= journal.compactedSeq) return rows;
  const forgotten = `(FROM _bus.journal SEMI JOIN (FROM _bus.forgotten WHERE status = 'forgotten') USING (artifact_key))`;
  const hot = await journal.ingestedBetween(Math.max(after, journal.compactedSeq), upTo, forgotten);
  const there = await Promise.all(hot.map(row => exists(join(source.root, row.rel_path ?? ''))));
  return [...rows, ...hot.filter((_, index) => there[index])];
}

/**
 * Copies one artifact and returns `copied`, `there`, or the problem. A rotten copy of an earlier
 * backup is replaced. The file gets its name last, so a named file is always whole.
 */
async function copyArtifact(source: BusLayout, destination: BusLayout, row: JournalRow, isDue: IsDue): Promise<string> {
  const path = row.rel_path ?? '';
  const target = join(destination.root, path);
  const [own, there] = [
    await stat(join(source.root, path)).catch(ignoreMissing),
    await stat(target).catch(ignoreMissing),
  ];
  if (there?.size === row.bytes) {
    if (own !== undefined && isSameFile(own, there) && !isDue(row.sha256)) return 'there';
    if ((await digestFile(target)).sha256 === row.sha256) {
      if (own !== undefined && !isSameFile(own, there)) await keepTimes(target, own).catch(() => {}); // fails for another user's copy
      return 'there';
    }
  }
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
  if (own !== undefined) await keepTimes(temporary, own);
  await rename(temporary, target);
  return 'copied';
}

/** Links the canonical files of commits that are not compacted under their second name. */
export async function linkCanonical(destination: BusLayout, next: BusLayout, journal: Journal): Promise<void> {
  const rows = await journal.ingestedBetween(journal.compactedSeq, journal.lastSeq);
  const paths = new Map(rows.map(row => [`${row.seq}-${row.ordinal}`, row.rel_path ?? '']));
  for (const seq of journal.hotCommits) {
    const folder = join(next.hot, seqName(seq));
    for (const name of await readdir(folder)) {
      const match = /~(\d+)-(\d+)\.parquet$/.exec(name);
      if (match === null) continue;
      const stored = join(destination.root, paths.get(`${Number(match[1])}-${Number(match[2])}`) ?? '');
      await rm(join(folder, name)); // this file is empty and holds only the name
      if (await exists(stored))
        if (!tryLink(stored, join(folder, name))) await copyFileDurable(stored, join(folder, name));
    }
    await syncFolder(folder);
  }
}
