import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CanonTable,
  modes,
  newestSeqOf,
  type StoredFile,
  storedBetween,
  tablesBehind,
  wasMadeForAnotherMode,
} from '@quantbot/bus-format/canon';
import { isTableFile, positionIn, type Segment, seqName } from '@quantbot/bus-format/journal';
import type { FrozenHot, HotTableFile, Snapshot, TableFiles } from '@quantbot/bus-format/views';
import type { Bus } from '../bus.js';

/**
 * Returns the files that hold everything committed so far. They stay valid after later commits and
 * compactions, as long as they are kept (see release.ts).
 */
export async function snapshotOf(bus: Bus): Promise<Snapshot> {
  for (;;) {
    const { version, lastSeq, compactedSeq, segments, hotCommits } = bus.journal;
    const taken = {
      seq: lastSeq,
      compactedSeq,
      hotCommits: [...hotCommits],
      segments: segments.map(segment => segment.name),
      hasForgotten: bus.journal.lastTurn > 0,
      ...(!bus.journal.names.areFirst && { names: bus.journal.names }),
    };
    const tables = await tablesAt(bus, compactedSeq);
    // A compaction may have switched while the folders were read. The parts would then be of two
    // moments, so try again.
    if (bus.journal.version === version) return { ...taken, tables };
  }
}

async function tablesAt(bus: Bus, journalSeq: number): Promise<TableFiles[]> {
  const { layout, journal, tables, tableSegments } = bus;
  // Before the segments: a later one may already be made for a mode that the definition names.
  const shown = await tablesWithShownSegments(bus);
  const live = new Map<string, readonly Segment[]>();
  for (const { name } of tables.tables()) live.set(name, await tableSegments.live(name, journalSeq));
  const behind = await tablesBehind(layout, journalSeq, async table => live.get(table)?.at(-1)?.last ?? 0);
  return Promise.all(
    tables.tables().map(async table => {
      const segments = live.get(table.name) ?? [];
      const { after: compactedSeq, commits } = behind.get(table.name) ?? { after: journalSeq, commits: [] };
      const newestCompacted = modes[table.mode].onlyNewestJob
        ? await newestSeqOf(journal, table.name, compactedSeq)
        : 0;
      const names = segments.map(({ name }) => name);
      const areShown = shown.has(table);
      return { table, segments: names, areShown, newestCompacted, compactedSeq, behind: commits };
    }),
  );
}

/** Returns the tables with a key whose segments were made for their mode. Others do not need it. */
async function tablesWithShownSegments({ layout, tables, tableTurns }: Bus): Promise<ReadonlySet<CanonTable>> {
  const shown = new Set<CanonTable>();
  for (const table of tables.tables())
    if (table.key.length > 0 && !(await wasMadeForAnotherMode(layout, table, tableTurns.get(table.name))))
      shown.add(table);
  return shown;
}

/**
 * Returns the last commit that all segments of a snapshot include. Later commits are needed in
 * `hot/`.
 */
export const neededAfter = ({ compactedSeq, tables }: Snapshot): number =>
  Math.min(compactedSeq, ...tables.map(files => files.compactedSeq));

/** Returns the commits in which a snapshot may have files of canonical tables. */
export const commitsOf = ({ hotCommits, tables }: Snapshot): number[] => [
  ...new Set([...tables.flatMap(({ behind }) => behind), ...hotCommits]),
];

/** What `hot/` holds for a snapshot. */
export type HotContent = FrozenHot & {
  /** The commits with files of each table. */
  commitsOf: ReadonlyMap<string, readonly number[]>;
};

/**
 * Returns the commits of a snapshot that are not in segments, file by file, so that nothing later
 * is visible. Looks once for each snapshot, which many exports may share.
 */
export function frozenHot(bus: Bus, snapshot: Snapshot): Promise<HotContent> {
  const known = contentOf.get(snapshot);
  if (known !== undefined) return known;
  const content = freeze(bus, snapshot);
  contentOf.set(snapshot, content);
  content.catch(() => contentOf.delete(snapshot));
  return content;
}

const contentOf = new WeakMap<Snapshot, Promise<HotContent>>();

async function freeze(bus: Bus, snapshot: Snapshot): Promise<HotContent> {
  const compacted = new Map(snapshot.tables.map(({ table, compactedSeq }) => [table.name, compactedSeq]));
  const paths = new Map<string, string[]>();
  const commitsWith = new Map<string, number[]>();
  for (const seq of commitsOf(snapshot)) {
    const folder = join(bus.layout.hot, seqName(seq));
    for (const name of await readdir(folder)) {
      const table = name.split('~', 1)[0] as string;
      if (!isTableFile(name) || seq <= (compacted.get(table) ?? 0)) continue;
      push(paths, table, join(folder, name));
      push(commitsWith, table, seq);
    }
  }
  const stored =
    paths.size === 0 ? new Map() : await storedBetween(bus.journal, neededAfter(snapshot) + 1, snapshot.seq);
  const tableFiles = new Map([...paths].map(([table, files]) => [table, shownFiles(files, stored)]));
  return { mode: 'frozen', commits: snapshot.hotCommits, tableFiles, commitsOf: commitsWith };
}

function push<T>(lists: Map<string, T[]>, name: string, value: T): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [value]);
  else list.push(value);
}

/** Returns the files in `hot/` whose rows are shown, in the order of their jobs. */
export const shownFiles = (paths: readonly string[], stored: ReadonlyMap<string, StoredFile>): HotTableFile[] =>
  paths
    .flatMap(path => {
      const known = stored.get(positionIn(path));
      return known === undefined ? [] : [{ ...known, path }];
    })
    .sort((one, other) => one.seq - other.seq || one.ordinal - other.ordinal);

/** Returns a file with its name in errors. */
export const asSource = (file: HotTableFile) => ({ ...file, name: file.artifactKey });
