import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { dailyGrowth, sizeInWords } from '@quantbot/bus-format';
import type { FindingCode } from '../codes.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { mountOf, nearestExisting } from '../mounts.js';
import { whatCouldGo } from '../what-could-go.js';
import { duration, many, shellWord } from '../words.js';

/** Below `full` a batch, an export or a compaction may fail at any moment. */
const thresholds = {
  bytes: { full: 64 * 1024 ** 2, low: 1024 ** 3 },
  files: { full: 1_000, low: 10_000 },
};
const dayMs = 86_400_000;
/** A disk that lasts longer is none of today's concerns. */
const warnedDays = 14;

/** Checks the free space and free inodes of every disk that the daemon writes to. */
export async function disk(bus: ExaminedBus): Promise<Finding[]> {
  const { config, layout } = bus;
  const there = [layout.root, dirname(config.duckdbPath), config.export.exportDir].map(nearestExisting);
  const disks = new Map<string, string>();
  for (const path of there) if (!disks.has(mountOf(path))) disks.set(mountOf(path), path);
  const views = [...disks.values()].map((path, index) => ({ path, isOwn: index === 0, ...statfsSync(path) }));
  const findings: Finding[] = [];
  for (const { path, isOwn, bavail, bsize, files, ffree } of views) {
    const free = bavail * bsize;
    const full = Math.max(thresholds.bytes.full, isOwn ? config.minFreeBytes : 0);
    const bytes = judge(path, free, 'bytes', { ...thresholds.bytes, full }) ?? (isOwn ? await forecast(bus, free) : []);
    // Some file systems have no fixed number of inodes.
    const inodes = files > 0 ? judge(path, ffree, 'files', thresholds.files) : undefined;
    for (const { code, what } of [...[bytes].flat(), ...(inodes === undefined ? [] : [inodes])])
      findings.push(finding(code, what, await cureOf(bus, path, code)));
  }
  return orFine(findings, 'disk', views.map(({ bavail, bsize }) => `${sizeInWords(bavail * bsize)} free`).join(', '));
}

interface Judgement {
  code: FindingCode;
  what: string;
}

const codes: Record<keyof typeof thresholds, Record<'full' | 'low', FindingCode>> = {
  bytes: { full: 'DISK_FULL', low: 'DISK_LOW' },
  files: { full: 'INODES_FULL', low: 'INODES_LOW' },
};

function judge(
  path: string,
  free: number,
  what: keyof typeof thresholds,
  { full, low }: { full: number; low: number },
): Judgement | undefined {
  if (free >= Math.max(full, low)) return undefined;
  const left = what === 'bytes' ? sizeInWords(free) : many(free, 'inode');
  return {
    code: codes[what][free < full ? 'full' : 'low'],
    what: `Only ${left} free on the disk of ${path}. When the disk is full, the daemon pauses. Nothing is lost.`,
  };
}

/**
 * Says when the disk will be full if the bus grows as in its last week. Rows of canonical tables
 * are counted twice, and a third time if exports are on the same disk.
 */
async function forecast(bus: ExaminedBus, free: number): Promise<Judgement[]> {
  const { config, layout, now } = bus;
  const space = (await bus.published())?.space;
  const store = space && dailyGrowth(space, new Date(now));
  if (space === undefined || store === undefined || store === 0) return [];
  const ofTables = space.tables.reduce((sum, table) => sum + table.lastWeekBytes, 0) / space.total.lastWeekBytes;
  const exportsToo =
    config.export.enabled &&
    mountOf(nearestExisting(config.export.exportDir)) === mountOf(nearestExisting(layout.root));
  const growth = store * (1 + ofTables * (exportsToo ? 2 : 1));
  const days = (free - config.minFreeBytes) / growth;
  if (days > warnedDays) return [];
  const what = `The disk of ${layout.root} will be full in about ${duration(days * dayMs)}: ${sizeInWords(free)} free, and the bus has grown by ${sizeInWords(Math.round(growth))} a day lately.`;
  return [{ code: 'DISK_FILLING', what }];
}

async function cureOf(bus: ExaminedBus, path: string, code: FindingCode): Promise<string> {
  const isBytes = !code.startsWith('INODES');
  const general = `Free some space; the daemon resumes by itself. ${bus.run('gc --keep 7d')} lists settled jobs that can be removed (--apply removes them), and \`du ${isBytes ? '-x -h' : '-x --inodes'} -d 2 ${shellWord(path)}\` shows the largest folders`;
  return isBytes ? `${general}${await whatCouldGo(bus)}` : general;
}
