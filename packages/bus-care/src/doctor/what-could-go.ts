import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NamedSpace, sizeInWords } from '@quantbot/bus-format';
import { isGarbage, listPublished } from '@quantbot/bus-format/state';
import { collectGarbage } from '../gc.js';
import type { ExaminedBus } from './examined-bus.js';
import { many } from './words.js';

/** A large bus has more old jobs and orphans than can be listed in this time. */
const patienceMs = 10_000;
const shownOfEach = 3;

/** Returns what fills the disk of a bus and could go, in sentences with commands. */
export async function whatCouldGo(bus: ExaminedBus): Promise<string> {
  if (bus.marker === undefined) return '';
  const space = (await bus.published())?.space;
  const sentences = [
    await garbage(bus),
    await oldGenerations(bus),
    ...(space === undefined ? [] : [largest('producers', space.producers), largest('kinds', space.kinds)]),
  ];
  return sentences
    .filter(Boolean)
    .map(text => `. ${text}`)
    .join('');
}

async function garbage({ config, run }: ExaminedBus): Promise<string> {
  const { keepMs: keepSettledMs, keepRejectedMs = keepSettledMs, keepUnfinishedMs } = config.gc;
  const items = await Promise.race([
    collectGarbage(config, { keepSettledMs, keepRejectedMs, keepUnfinishedMs, apply: false }),
    sleep(patienceMs, undefined, { ref: false }),
  ]);
  if (items === undefined) return `${run('gc')} lists what can be removed`;
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  const orphans = items.filter(({ kind }) => kind === 'orphan').length;
  const what = `${many(items.length - orphans, 'old job')} and ${many(orphans, 'orphan')} (${sizeInWords(bytes)})`;
  return items.length === 0 ? '' : `${run('gc --apply')} removes ${what}`;
}

/** The daemon removes these by itself, once no reader can need them. */
async function oldGenerations({ config, layout }: ExaminedBus): Promise<string> {
  const { exportDir } = config.export;
  let bytes = 0;
  for (const name of await readdir(exportDir).catch(() => []))
    if (await isGarbage(exportDir, name, () => true)) bytes += await bytesIn(join(exportDir, name));
  const superseded = (await listPublished(layout)).filter(({ supersededAt }) => supersededAt !== null).length;
  const parts = [
    ...(bytes > 0 ? [`old exports (${sizeInWords(bytes)})`] : []),
    ...(superseded > 0 ? [`the files of ${many(superseded, 'superseded database')}`] : []),
  ];
  return parts.length === 0 ? '' : `The daemon removes ${parts.join(' and ')} once no reader has them open`;
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const info = await stat(join(folder, name)).catch(() => undefined); // removed meanwhile
    if (info?.isFile()) bytes += info.size;
  }
  return bytes;
}

function largest(what: string, uses: readonly NamedSpace[]): string {
  if (uses.length === 0) return '';
  const named = uses
    .slice(0, shownOfEach)
    .map(({ name, bytes, lastWeekBytes }) => `${name} ${sizeInWords(bytes)} (${sizeInWords(lastWeekBytes)} in a week)`);
  return `The largest ${what}: ${named.join(', ')}`;
}
