import { InvalidArgumentError } from 'commander';

/** Parses a count, 0 or more. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

/** Parses an interval of 0.1 seconds to one day. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 86_400))
    throw new InvalidArgumentError('Write a number of seconds from 0.1 to 86400.');
  return seconds;
}

/** Parses megabytes per second. */
export function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= 100_000))
    throw new InvalidArgumentError('Write a number of megabytes from above 0 to 100000.');
  return rate;
}

const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Returns the milliseconds of a duration such as `30d`, `12h`, `90s`; undefined for any other text.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (unitsMs[match[2] as string] as number);
}

/**
 * Parses a moment of the bus: the seq of a job, or a time. A time without a zone is UTC, like all
 * times in the catalog. `2h` is two hours ago; `today` and `yesterday` begin at midnight in UTC.
 */
export function parseMoment(text: string): number | Date {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const time = relativeTime(text) ?? absoluteTime(text);
  if (time === undefined || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Write a seq, or a time such as 2026-01-31T12:00:00Z, 2h (ago), or yesterday.');
  return time;
}

function relativeTime(text: string): Date | undefined {
  const now = Date.now();
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return new Date(now - agoMs);
  const daysAgo = { today: 0, yesterday: 1 }[text];
  return daysAgo === undefined ? undefined : new Date(now - (now % dayMs) - daysAgo * dayMs);
}

const dayMs = 86_400_000;

function absoluteTime(text: string): Date | undefined {
  const time = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (time === null) return undefined;
  return new Date(time[1] !== undefined && time[4] === undefined ? `${text}Z` : text);
}

/** {@link parseMoment} for an option that takes only a time. */
export function parseTime(text: string): Date {
  const time = parseMoment(text);
  if (typeof time === 'number')
    throw new InvalidArgumentError('Write a time such as 2026-01-31T12:00:00Z, 2h (ago), or yesterday.');
  return time;
}

/** A source (one producer and kind), or the artifact of a source that an alias names. */
export interface Source {
  producer: string;
  kind: string;
  alias?: string;
}

/** Parses `producer/kind` or `producer/kind@alias`. */
export function parseSource(text: string): Source {
  const [, producer, kind, alias] = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(text) ?? [];
  if (producer === undefined || kind === undefined)
    throw new InvalidArgumentError('Write producer/kind, or producer/kind@alias.');
  return { producer, kind, alias };
}

/** Parses an artifact: its key, or a source, whose newest artifact or alias it is. */
export function parseArtifact(text: string): string | Source {
  return text.split('/').length === 4 ? text : parseSource(text);
}

/** Parses names separated by commas. */
export const parseNames = (text: string): string[] =>
  text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');

/** Parses the number of lineage steps; `all` is infinity. */
export function parseDepth(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  const depth = parseCount(text);
  if (depth === 0) throw new InvalidArgumentError('It must be at least 1.');
  return depth;
}

/** Collects the values of a repeated option (`--option a --option b`), in order. */
export const collect = (value: string, before: readonly string[]): string[] => [...before, value];
