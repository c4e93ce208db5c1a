import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Bus } from '../bus.js';

/**
 * What the names in `claimed/` mean: `<claim>~<job id>` is a job in work; `.left-<that>` is the folder of one that has settled, still to be removed; `.kept-<that>` the folder of a
 * rejected job that could not be moved to `rejected/`.
 */
const inWork = /^([0-9a-f]{16})~(.+)$/;
const left = '.left-';
const kept = '.kept-';

/** Claim and job id of a job in work; undefined for any other name in `claimed/`. */
export function parseClaimedName(name: string): { claim: string; jobId: string } | undefined {
  const [, claim, jobId] = inWork.exec(name) ?? [];
  return claim === undefined || jobId === undefined ? undefined : { claim, jobId };
}

/** Of the names in `claimed/` those of jobs in work. */
export const claimedNames = (names: readonly string[]): string[] =>
  names.filter(name => parseClaimedName(name) !== undefined);

/** Whether a name in `claimed/` is that of a rejected job's folder which could not be moved. */
export const isKept = (name: string): boolean => name.startsWith(kept);

/** Where the folder of a settled job goes in which there is still something. A name in the same folder can be given to it whoever owns it. */
export const besideClaimed = (folder: string, why: 'left' | 'kept'): string =>
  join(dirname(folder), `${why === 'left' ? left : kept}${basename(folder)}`);

/** The folders of settled jobs that are still to be removed. */
export const listLeftBehind = async ({ layout }: Bus): Promise<string[]> =>
  (await readdir(layout.claimed)).filter(name => name.startsWith(left)).map(name => join(layout.claimed, name));
