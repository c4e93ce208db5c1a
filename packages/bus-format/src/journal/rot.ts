import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { makeFolderDurable, syncFolder } from '@quantbot/infra/files';
import { concurrently } from '../concurrent.js';
import { daemonError } from '../errors.js';
import { listHotCommits, listSegments, seqName } from './files.js';
import { checkSeal, placeIn } from './seal.js';

/** The folder for damaged segments that were replaced. No glob matches it. */
const asideName = 'rotten';
const atOnce = 8;

/**
 * Returns the paths below `journal/` of live files whose checksums do not match. A daemon may
 * compact meanwhile: a removed file is not damaged.
 *
 * @param among which files to check; by default all live ones.
 */
export async function rottenJournalFiles(layout: BusLayout, among?: readonly string[]): Promise<string[]> {
  const found = await concurrently(
    among ?? (await liveJournalFiles(layout)),
    async path => {
      const whole = join(layout.journal, path);
      return (await checkSeal(whole, { place: placeIn(layout, whole) })) === 'rotten' ? [path] : [];
    },
    atOnce,
  );
  return found.flat();
}

/** Returns the paths below `journal/` of the files that hold its rows. */
export async function liveJournalFiles(layout: BusLayout): Promise<string[]> {
  const { live } = await listSegments(layout.segments);
  const compactedSeq = live.at(-1)?.last ?? 0;
  const commits = (await listHotCommits(layout.hot)).filter(seq => seq > compactedSeq);
  return [
    ...live.map(({ name }) => join('segments', name)),
    ...[0, ...commits].map(seq => join('hot', seqName(seq), 'commit.parquet')),
  ];
}

/**
 * Replaces damaged segments by the narrower files that they were built from, if these still exist.
 * The caller checks that the rest has no gap, and otherwise calls `undo`.
 *
 * @returns the replaced segments.
 * @throws DaemonError `JOURNAL_DAMAGED` naming the files, if no narrower files can replace them.
 */
async function setRottenAside(layout: BusLayout): Promise<{ paths: string[]; undo(): Promise<void> }> {
  const aside = join(layout.journal, asideName);
  const moved: { from: string; to: string }[] = [];
  const undo = async () => {
    for (const { from, to } of moved.splice(0).reverse()) await rename(to, from);
    await syncFolder(layout.segments);
  };
  for (;;) {
    const rotten = await rottenJournalFiles(layout);
    if (rotten.length === 0) return { paths: moved.map(({ from }) => from), undo };
    const segments = rotten.filter(path => path.startsWith('segments/'));
    if (segments.length < rotten.length) {
      const lost = [...moved.map(({ from }) => from), ...rotten];
      await undo();
      throw damaged(layout, lost);
    }
    await makeFolderDurable(aside);
    for (const path of segments) {
      const from = join(layout.journal, path);
      const to = join(aside, path.slice('segments/'.length));
      await rename(from, to);
      moved.push({ from, to });
    }
    await syncFolder(layout.segments);
  }
}

/**
 * Opens a journal without damaged segments, if older files hold all of their rows.
 *
 * @throws DaemonError `JOURNAL_DAMAGED` naming the files, which stay where they were.
 */
export async function withoutRotten<Opened extends { lastSeq: number; close(): void }>(
  layout: BusLayout,
  open: () => Promise<Opened>,
): Promise<Opened> {
  const lastSeq = await lastSeqOf(layout);
  const rotten = await setRottenAside(layout);
  if (rotten.paths.length === 0) return open();
  const opened = await open().catch(() => undefined);
  if (opened !== undefined && opened.lastSeq >= lastSeq) return opened;
  opened?.close();
  await rotten.undo();
  throw damaged(layout, rotten.paths);
}

async function lastSeqOf(layout: BusLayout): Promise<number> {
  const { live } = await listSegments(layout.segments);
  return Math.max(0, live.at(-1)?.last ?? 0, ...(await listHotCommits(layout.hot)));
}

/** Returns the error that names damaged files of the journal. */
export const damaged = ({ journal }: BusLayout, paths: readonly string[]) =>
  daemonError(
    'JOURNAL_DAMAGED',
    `${paths.map(path => (path.startsWith('/') ? path : join(journal, path))).join(', ')}: the checksum does not match, so the rows may be wrong.`,
  );
