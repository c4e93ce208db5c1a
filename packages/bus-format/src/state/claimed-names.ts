import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';

/**
 * The names in `claimed/`. `<claim>~<job id>` is a job in work. Prefixed to that name, `.own-`
 * marks the daemon's own folder with its copies, `.left-` the folder of a settled job that must be
 * removed, and `.kept-` the folder of a rejected job that could not be moved to `rejected/`.
 */
const inWork = /^([0-9a-f]{16})~(.+)$/;
const prefixes = { own: '.own-', left: '.left-', kept: '.kept-' } as const;

/** Returns claim and job id of a job in work, or undefined for any other name. */
export function parseClaimedName(name: string): { claim: string; jobId: string } | undefined {
  const [, claim, jobId] = inWork.exec(name) ?? [];
  return claim === undefined || jobId === undefined ? undefined : { claim, jobId };
}

/** Returns the names of jobs in work. */
export const claimedNames = (names: readonly string[]): string[] =>
  names.filter(name => parseClaimedName(name) !== undefined);

/** Whether a name belongs to a rejected job's folder that could not be moved. */
export const isKept = (name: string): boolean => name.startsWith(prefixes.kept);

/**
 * Returns another name beside a job in work. A rename within the same folder works no matter which
 * user owns the job's folder.
 */
export const besideClaimed = (folder: string, why: keyof typeof prefixes): string =>
  join(dirname(folder), `${prefixes[why]}${basename(folder)}`);

/** Lists the daemon's own folders from an earlier process. */
export const listOwnFolders = async ({ layout }: { layout: BusLayout }): Promise<string[]> =>
  (await readdir(layout.claimed)).filter(name => name.startsWith(prefixes.own)).map(name => join(layout.claimed, name));

/** Lists folders of settled jobs that must still be removed. */
export const listLeftBehind = async ({ layout }: { layout: BusLayout }): Promise<string[]> =>
  (await readdir(layout.claimed))
    .filter(name => name.startsWith(prefixes.left))
    .map(name => join(layout.claimed, name));
