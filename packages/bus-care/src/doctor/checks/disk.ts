import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { sizeInWords } from '@quantbot/bus-format';
import type { FindingCode } from '../codes.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { mountOf, nearestExisting } from '../mounts.js';
import { many, shellWord } from '../words.js';

/** Below `full` a batch, an export or a compaction may fail at any moment. */
const thresholds = {
  bytes: { full: 64 * 1024 ** 2, low: 1024 ** 3 },
  files: { full: 1_000, low: 10_000 },
};

/** Checks the free space and free inodes of every disk that the daemon writes to. */
export async function disk(bus: ExaminedBus): Promise<Finding[]> {
  const { config, layout } = bus;
  const there = [layout.root, dirname(config.duckdbPath), config.export.exportDir].map(nearestExisting);
  const disks = new Map(there.map(path => [mountOf(path), path]));
  const views = [...disks.values()].map(path => ({ path, ...statfsSync(path) }));
  return orFine(
    views.flatMap(({ path, bavail, bsize, files, ffree }) => [
      ...judge(bus, path, bavail * bsize, 'bytes'),
      ...(files > 0 ? judge(bus, path, ffree, 'files') : []), // some file systems have no fixed number of inodes
    ]),
    'disk',
    views.map(({ bavail, bsize }) => `${sizeInWords(bavail * bsize)} free`).join(', '),
  );
}

const codes: Record<keyof typeof thresholds, Record<'full' | 'low', FindingCode>> = {
  bytes: { full: 'DISK_FULL', low: 'DISK_LOW' },
  files: { full: 'INODES_FULL', low: 'INODES_LOW' },
};

function judge({ run }: ExaminedBus, path: string, free: number, what: keyof typeof thresholds): Finding[] {
  const { full, low } = thresholds[what];
  if (free >= low) return [];
  const left = what === 'bytes' ? sizeInWords(free) : many(free, 'inode');
  return [
    finding(
      codes[what][free < full ? 'full' : 'low'],
      `Only ${left} free on the disk of ${path}. When the disk is full, the daemon pauses. Nothing is lost.`,
      `Free some space; the daemon resumes by itself. ${run('gc --keep 7d')} lists settled jobs that can be removed (--apply removes them), and \`du ${what === 'bytes' ? '-x -h' : '-x --inodes'} -d 2 ${shellWord(path)}\` shows the largest folders`,
    ),
  ];
}
