/** The headers of a request that decide which part of a file it gets. */
export interface PartHeaders {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  ifRange?: string | undefined;
  range?: string | undefined;
}

/** What a request gets: the whole file, a part of it, or only a status. `end` is exclusive. */
export type Part = { status: 200 | 206; start: number; end: number } | { status: 304 | 412 | 416 };

/**
 * Decides which part of a file a request gets (RFC 9110, sections 13 and 14). A request for several
 * ranges, and a range that is not valid, get the whole file.
 *
 * @param file.etag the strong entity tag, in quotes.
 */
export function partOf(headers: PartHeaders, { etag, size }: { etag: string; size: number }): Part {
  const { ifMatch, ifNoneMatch, ifRange, range } = headers;
  if (ifMatch !== undefined && !names(ifMatch, etag)) return { status: 412 };
  if (ifNoneMatch !== undefined && names(ifNoneMatch.replaceAll('W/', ''), etag)) return { status: 304 };
  const whole = { status: 200, start: 0, end: size } as const;
  // A date in If-Range never matches: a tag says more than the time of a file.
  if (range === undefined || (ifRange !== undefined && ifRange.trim() !== etag)) return whole;
  const [, first = '', last = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range) ?? [];
  if (first === '' && last === '') return whole;
  if (first === '') return within(Math.max(0, size - Number(last)), size, size);
  if (last !== '' && Number(last) < Number(first)) return whole;
  return within(Number(first), last === '' ? size : Number(last) + 1, size);
}

const within = (start: number, end: number, size: number): Part =>
  start < size ? { status: 206, start, end: Math.min(end, size) } : { status: 416 };

/** Whether a list of entity tags has this one. */
const names = (list: string, etag: string): boolean =>
  list.trim() === '*' || list.split(',').some(tag => tag.trim() === etag);
