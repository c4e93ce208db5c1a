import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { storedBetween } from '@quantbot/bus-format/canon';
import { isTableFile, positionIn, seqName } from '@quantbot/bus-format/journal';
import type { Snapshot } from '@quantbot/bus-format/views';
import type { SourceFile } from '@quantbot/duckdb-process';
import type { Bus } from '../bus.js';
import { commitsOf, neededAfter } from '../publish/snapshot.js';

/**
 * Returns the files behind an export, whose checksums are compared before it is written: those of
 * the journal, and of its canonical tables (undefined: all) from a commit on.
 */
export async function sourcesOf(
  { layout, journal }: Bus,
  snapshot: Snapshot,
  tables: readonly string[] | undefined,
  fromSeq: number,
): Promise<SourceFile[]> {
  const isRead = (table: string) => tables === undefined || tables.includes(table);
  const isAsked = (segment: string) => Number(segment.slice(13, 25)) >= fromSeq;
  const sources: SourceFile[] = [
    ...snapshot.segments.filter(isAsked).map(name => ({ path: join(layout.segments, name) })),
    ...snapshot.hotCommits.map(seq => ({ path: join(layout.hot, seqName(seq), 'commit.parquet') })),
    ...snapshot.tables
      .filter(({ table }) => isRead(table.name))
      .flatMap(({ table, segments }) =>
        segments.filter(isAsked).map(name => ({ path: join(layout.canon, table.name, name) })),
      ),
  ];
  const commits = commitsOf(snapshot);
  if (commits.length === 0) return sources;
  const stored = await storedBetween(journal, neededAfter(snapshot) + 1, snapshot.seq);
  for (const seq of commits)
    for (const name of await readdir(join(layout.hot, seqName(seq)))) {
      const [table = ''] = name.split('~');
      if (!isTableFile(name) || !isRead(table)) continue;
      const known = stored.get(positionIn(name));
      if (known !== undefined) sources.push({ path: join(layout.hot, seqName(seq), name), ...known });
    }
  return sources;
}
