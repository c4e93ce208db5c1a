import { join } from 'node:path';
import { placeIn, seqName } from '@quantbot/bus-format/journal';
import { needsJournal, type Snapshot } from '@quantbot/bus-format/views';
import type { SourceFile } from '@quantbot/duckdb-process';
import type { Bus } from '../bus.js';
import { asSource, type HotContent } from '../publish/snapshot.js';

/**
 * Returns the files behind an export, whose checksums are compared before it is written: those of
 * the canonical tables of a snapshot from a commit on, and of the part of the journal that decides
 * about their rows.
 *
 * @param untrusted whether the SELECT may read all of the journal.
 */
export function sourcesOf(
  { layout }: Bus,
  snapshot: Snapshot,
  hot: HotContent,
  { fromSeq, untrusted }: { fromSeq: number; untrusted: boolean },
): SourceFile[] {
  const isAsked = (segment: string) => Number(segment.slice(13, 25)) >= fromSeq;
  const readsAll = untrusted || needsJournal(snapshot);
  const isBehind = snapshot.tables.some(({ behind }) => behind.length > 0);
  const names = snapshot.tables.map(({ table }) => table.name);
  const commits = readsAll ? snapshot.hotCommits : new Set(names.flatMap(name => hot.commitsOf.get(name) ?? []));
  const sealed = (path: string): SourceFile => ({ path, place: placeIn(layout, path) });
  return [
    ...(readsAll || isBehind ? snapshot.segments.filter(isAsked) : []).map(name => sealed(join(layout.segments, name))),
    ...[...commits].map(seq => sealed(join(layout.hot, seqName(seq), 'commit.parquet'))),
    ...snapshot.tables.flatMap(({ table, segments }) =>
      segments.filter(isAsked).map(name => sealed(join(layout.canon, table.name, name))),
    ),
    ...names.flatMap(name => (hot.tableFiles.get(name) ?? []).map(asSource)),
  ];
}
