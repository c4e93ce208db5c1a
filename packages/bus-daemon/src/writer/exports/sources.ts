import { join } from 'node:path';
import { seqName } from '@quantbot/bus-format/journal';
import type { FrozenHot, Snapshot } from '@quantbot/bus-format/views';
import type { SourceFile } from '@quantbot/duckdb-process';
import type { Bus } from '../bus.js';
import { asSource } from '../publish/snapshot.js';

/**
 * Returns the files behind an export, whose checksums are compared before it is written: those of
 * the journal, and of its canonical tables (undefined: all) from a commit on.
 */
export function sourcesOf(
  { layout }: Bus,
  snapshot: Snapshot,
  hot: FrozenHot,
  tables: readonly string[] | undefined,
  fromSeq: number,
): SourceFile[] {
  const isRead = (table: string) => tables === undefined || tables.includes(table);
  const isAsked = (segment: string) => Number(segment.slice(13, 25)) >= fromSeq;
  return [
    ...snapshot.segments.filter(isAsked).map(name => ({ path: join(layout.segments, name) })),
    ...snapshot.hotCommits.map(seq => ({ path: join(layout.hot, seqName(seq), 'commit.parquet') })),
    ...snapshot.tables
      .filter(({ table }) => isRead(table.name))
      .flatMap(({ table, segments }) =>
        segments.filter(isAsked).map(name => ({ path: join(layout.canon, table.name, name) })),
      ),
    ...[...hot.tableFiles].filter(([table]) => isRead(table)).flatMap(([, files]) => files.map(asSource)),
  ];
}
