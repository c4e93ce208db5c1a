import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BusLayout } from '@quantbot/infra';

/**
 * What the names in `claimed/` mean: `<claim>~<job id>` is a job in work; `.own-<that>` the
 * daemon's own folder beside it, with what was brought over; `.left-<that>` the folder of one that
 * has settled, still to be removed; `.kept-<that>` the folder of a rejected job that could not be
 * moved to `rejected/`.
 */
const inWork = /^([0-9a-f]{16})~(.+)$/;
const prefixes = { own: '.own-', left: '.left-', kept: '.kept-' } as const;

/** Claim and job id of a job in work; undefined for any other name in `claimed/`. */
export function parseClaimedName(name: string): { claim: string; jobId: string } | undefined {
  const [, claim, jobId] = inWork.exec(name) ?? [];
  return claim === undefined || jobId === undefined ? undefined : { claim, jobId };
}

/** Of the names in `claimed/` those of jobs in work. */
export const claimedNames = (names: readonly string[]): string[] =>
  names.filter(name => parseClaimedName(name) !== undefined);

/** Whether a name in `claimed/` is that of a rejected job's folder which could not be moved. */
export const isKept = (name: string): boolean => name.startsWith(prefixes.kept);

/**
 * Another name beside a job in work. A name in the same folder can be given to the job's folder
 * whoever owns it.
 */
export const besideClaimed = (folder: string, why: keyof typeof prefixes): string =>
  join(dirname(folder), `${prefixes[why]}${basename(folder)}`);

/** The daemon's own folders of batches that an earlier process had in hand. */
export const listOwnFolders = async ({ layout }: { layout: BusLayout }): Promise<string[]> =>
  (await readdir(layout.claimed)).filter(name => name.startsWith(prefixes.own)).map(name => join(layout.claimed, name));

/** The folders of settled jobs that are still to be removed. */
export const listLeftBehind = async ({ layout }: { layout: BusLayout }): Promise<string[]> =>
  (await readdir(layout.claimed))
    .filter(name => name.startsWith(prefixes.left))
    .map(name => join(layout.claimed, name));
