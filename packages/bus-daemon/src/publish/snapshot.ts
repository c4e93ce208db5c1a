import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bus } from '../bus.js';
import { newestSeqOf } from '../canon/journalled.js';
import { listSegments, seqName } from '../journal/files.js';
import type { HotFiles, Snapshot } from './views.js';

/**
 * Which files hold everything that is committed now. What it names stays true whatever is committed
 * or compacted afterwards, as long as the files are kept (see release.ts).
 */
export async function snapshotOf(bus: Bus): Promise<Snapshot> {
  for (;;) {
    const { version, lastSeq, compactedSeq, segments, hotCommits } = bus.journal;
    const taken = {
      seq: lastSeq,
      compactedSeq,
      hotCommits: [...hotCommits],
      segments: segments.map(segment => segment.name),
    };
    const tables = await Promise.all(
      bus.tables.tables().map(async table => ({
        table,
        segments: (await listSegments(join(bus.layout.canon, table.name), compactedSeq)).live.map(({ name }) => name),
        newestCompacted: table.mode.mode === 'latest' ? await newestSeqOf(bus.journal, table.name, compactedSeq) : 0,
      })),
    );
    // Table folders were read while a compaction may have switched; then the parts are of two
    // moments, and are taken again.
    if (bus.journal.version === version) return { ...taken, tables };
  }
}

/**
 * The commits of a snapshot that are not in segments, file by file: nothing that comes later is
 * seen.
 */
export async function frozenHot(bus: Bus, { hotCommits }: Snapshot): Promise<HotFiles> {
  const tableFiles = new Map<string, string[]>();
  for (const seq of hotCommits) {
    const folder = join(bus.layout.hot, seqName(seq));
    for (const name of await readdir(folder)) {
      const table = name.split('~', 1)[0] as string;
      if (name.includes('~')) tableFiles.set(table, [...(tableFiles.get(table) ?? []), join(folder, name)]);
    }
  }
  return { mode: 'frozen', commits: hotCommits, tableFiles };
}
