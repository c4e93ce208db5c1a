import { readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { writeFileAtomic } from '@quantbot/infra/files';
import * as z from 'zod';
import type { Finding } from './scan-file.js';

const baselineSchema = z.object({
  version: z.literal(1),
  places: z.array(
    z.object({ file: z.string(), rule: z.string(), code: z.string(), count: z.number().int().positive() }),
  ),
});

/** Tolerated places, identified by file, rule and code, never by line. */
export type Baseline = z.infer<typeof baselineSchema>;

/** Reads a baseline. @throws DaemonError `BASELINE_INVALID`. */
export function readBaseline(path: string): Baseline {
  try {
    return baselineSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw daemonError('BASELINE_INVALID', `${path} is not a readable baseline.`, { cause: error });
  }
}

const keyOf = (place: { file: string; rule: string; code: string }): string =>
  JSON.stringify([place.file, place.rule, place.code]);

/**
 * Returns the path of a file relative to the baseline's folder, so that the working folder does not
 * matter.
 */
const inBaseline = (path: string, file: string): string =>
  relative(dirname(resolve(path)), resolve(file))
    .split(sep)
    .join('/');

/**
 * Marks findings in the baseline as `known`, at most as many of each as it counts. Returns the
 * places that scanned files no longer have.
 */
export function applyBaseline(
  path: string,
  baseline: Baseline,
  findings: readonly Finding[],
  scanned: Scanned,
): number {
  const left = new Map(baseline.places.map(place => [keyOf(place), place.count]));
  for (const finding of findings) {
    if (finding.state !== 'found') continue;
    const key = keyOf({ ...finding, file: inBaseline(path, finding.file) });
    const count = left.get(key) ?? 0;
    if (count === 0) continue;
    left.set(key, count - 1);
    finding.state = 'known';
  }
  const places = baseline.places.filter(({ file }) => scanned(resolve(dirname(resolve(path)), file)));
  return places.reduce((sum, place) => sum + (left.get(keyOf(place)) ?? 0), 0);
}

/** Returns whether the scan covered a file, by its absolute path. */
export type Scanned = (file: string) => boolean;

/** Writes the findings as the new baseline. Keeps the entries of files that were not scanned. */
export async function writeBaseline(
  path: string,
  before: Baseline | undefined,
  findings: readonly Finding[],
  scanned: Scanned,
): Promise<void> {
  const places = new Map<string, Baseline['places'][number]>();
  for (const place of before?.places ?? [])
    if (!scanned(resolve(dirname(resolve(path)), place.file))) places.set(keyOf(place), place);
  for (const { file, rule, code, state } of findings) {
    if (state !== 'found' && state !== 'known') continue;
    const place = { file: inBaseline(path, file), rule, code };
    places.set(keyOf(place), { ...place, count: (places.get(keyOf(place))?.count ?? 0) + 1 });
  }
  const sorted = [...places.entries()].sort(([one], [another]) => (one < another ? -1 : 1)).map(([, place]) => place);
  await writeFileAtomic(path, `${JSON.stringify({ version: 1, places: sorted }, null, 2)}\n`);
}
