import { type NamedSpace, type Space, sizeInWords } from '@quantbot/bus-format';
import type { GcState, ScrubState } from '@quantbot/bus-format/state';

/** A scrub as `status` shows it. */
export type ShownScrub = Omit<ScrubState, 'place'>;

/** Returns a scrub as `status` shows it; null before the first. */
export function shownScrub(state: ScrubState | undefined): ShownScrub | null {
  if (state === undefined) return null;
  const { place: _, ...rest } = state;
  return rest;
}

/** Settled jobs by outcome. A rejected job that was dismissed counts only as dismissed. */
export type JobCounts = Record<'ingested' | 'duplicate' | 'rejected' | 'dismissed', number>;

/** Returns the counts of jobs for people. */
export const describeJobs = ({ ingested, duplicate, rejected, dismissed }: JobCounts): string =>
  `${ingested} ingested, ${duplicate} duplicate, ${rejected} rejected${dismissed > 0 ? `, ${dismissed} dismissed` : ''}`;

/** A status fits on one screen: it has at most this many good exports, and as many failed ones. */
const maxExports = 8;

/** Returns lines about exports for people: the failed ones first, and how many there are beyond. */
export function describeExports(exports: readonly { isOk: boolean; text: string }[]): string[] {
  return [false, true].flatMap(isOk => {
    const alike = exports.filter(entry => entry.isOk === isOk);
    const more = alike.length - maxExports;
    return [
      ...alike.slice(0, maxExports).map(({ text }) => `export    ${text}`),
      ...(more > 0 ? [`          and ${more} more ${isOk ? 'exports' : 'that failed'}; --json lists all`] : []),
    ];
  });
}

/** Returns lines about a scrub for people. */
export function describeScrub(scrub: ShownScrub | null): string[] {
  if (scrub === null) return [];
  const { ended_at, bytes, total_bytes, files, findings, last } = scrub;
  const percent = Math.floor((100 * bytes) / Math.max(1, total_bytes, bytes));
  const under = ended_at === null ? `${percent}% of a pass` : `${files} files up to ${ended_at}`;
  const before = ended_at === null && last !== null ? `, the last one ended at ${last.ended_at}` : '';
  return [
    `scrub     ${under}${before}; ${findings.length === 0 ? 'nothing is damaged' : `${findings.length} damaged`}`,
    ...findings.map(({ code, what, detail }) => `damaged   ${what} (${code}): ${detail}`),
  ];
}

/** Returns a line about garbage collection for people. */
export function describeGc(gc: GcState | null): string[] {
  if (gc === null) return [];
  const { ended_at, removed, bytes, total_bytes } = gc;
  const all = Object.values(removed).reduce((sum, count) => sum + count, 0);
  return [`gc        removed ${all} (${sizeInWords(bytes)}) at ${ended_at}; ${sizeInWords(total_bytes)} freed so far`];
}

/** The largest few are shown: a status fits on one screen. */
const shownOfEach = 3;

/** Returns lines for people about who uses the store, and what is free (bytes). */
export function describeSpace(space: Space | null, freeBytes?: number | null): string[] {
  if (space === null) return [];
  const { total } = space;
  const free = freeBytes == null ? '' : `; ${sizeInWords(freeBytes)} free`;
  const largest = (uses: readonly NamedSpace[]) =>
    uses
      .slice(0, shownOfEach)
      .map(
        ({ name, bytes, lastWeekBytes }) => `${name} ${sizeInWords(bytes)} (${sizeInWords(lastWeekBytes)} in a week)`,
      )
      .join(', ');
  const parts: [string, readonly NamedSpace[]][] = [
    ['producers', space.producers],
    ['kinds', space.kinds],
    ['tables', space.tables],
  ];
  return [
    `stored    ${sizeInWords(total.bytes)}: ${sizeInWords(total.lastDayBytes)} in the last day, ${sizeInWords(total.lastWeekBytes)} in the last week${free}`,
    ...parts.flatMap(([name, uses]) => (uses.length === 0 ? [] : [`${name.padEnd(9)} ${largest(uses)}`])),
  ];
}
