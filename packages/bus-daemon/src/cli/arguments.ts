import { InvalidArgumentError } from 'commander';

/** Parses a count, 0 or more. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

/** Parses the seq of a job. */
export function parseSeq(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Write a seq: a whole number.');
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

/**
 * Parses a moment of the bus: the seq of a job, or a time. A time without a zone is UTC, like all
 * times in the catalog.
 */
export function parseMoment(text: string): number | Date {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const time = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  const date = new Date(time !== null && time[1] !== undefined && time[4] === undefined ? `${text}Z` : text);
  if (time === null || Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('Write a seq, or a time such as 2026-01-31T12:00:00Z.');
  return date;
}

/** {@link parseMoment} for an option that takes only a time. */
export function parseTime(text: string): Date {
  const time = parseMoment(text);
  if (typeof time === 'number') throw new InvalidArgumentError('Write a time such as 2026-01-31T12:00:00Z.');
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

/** Parses the number of lineage steps; `all` is infinity. */
export function parseDepth(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  const depth = parseCount(text);
  if (depth === 0) throw new InvalidArgumentError('It must be at least 1.');
  return depth;
}

/** Collects the values of a repeated option (`--option a --option b`), in order. */
export const collect = (value: string, before: readonly string[]): string[] => [...before, value];
