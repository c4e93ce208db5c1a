import { partsOf } from '@quantbot/bus-care/forget';
import type { Command } from 'commander';
import { catalogOf } from '../dismissal.js';
import { operate } from '../operate.js';
import { type CommonOptions, configOf, print } from '../shared.js';
import { whoAsks } from '../who-asks.js';
import { checkCodes } from './rejected.js';

const timeoutMs = 600_000;

/** `quantbot-bus dismiss JOB…|--code CODE…|--all --note TEXT`: rejected jobs need nothing more. */
export async function dismissCommand(
  jobs: string[],
  options: CommonOptions & { all?: boolean; code?: string[]; note: string },
  command: Command,
): Promise<void> {
  const { all = false, code: codes, note } = options;
  if (jobs.length === 0 && codes === undefined && !all)
    command.error('error: name the jobs to dismiss, or pass --code CODE or --all');
  checkCodes(codes, command);
  const ids = [...new Set([...jobs, ...(all || codes !== undefined ? await rejectedWith(options, codes) : [])])];
  let seq: number | null = null;
  for (const part of partsOf(ids)) {
    const op = { type: 'dismiss' as const, job_ids: part, note, by: whoAsks() };
    seq = (await operate(configOf(options), op, timeoutMs)).seq;
  }
  const them = `${ids.length} job${ids.length === 1 ? '' : 's'}`;
  print(options, { dismissed: ids, note, seq }, () =>
    seq === null ? 'no job is rejected' : `${them} dismissed as of seq ${seq}`,
  );
}

/** Ids of the rejected jobs with one of these codes; all without codes. */
async function rejectedWith(options: CommonOptions & { all?: boolean }, codes: string[] = []): Promise<string[]> {
  await using catalog = await catalogOf(options);
  const jobs = (await catalog?.jobs({ status: 'rejected' })) ?? [];
  return jobs.filter(({ rejectCode }) => options.all || codes.includes(rejectCode ?? '')).map(({ jobId }) => jobId);
}
