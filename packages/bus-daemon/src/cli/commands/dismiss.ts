import { partsOf } from '@quantbot/bus-care/forget';
import { daemonError } from '@quantbot/bus-format';
import type { JobRecord } from '@quantbot/storage';
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
  const rejected = await everRejected(options);
  const unknown = jobs.find(id => !rejected.some(({ jobId }) => jobId === id));
  // The daemon refuses it too, but as one more rejected job.
  if (unknown !== undefined) throw daemonError('JOB_NOT_FOUND', `There is no rejected job ${unknown}.`);
  const wanted = rejected.filter(
    ({ status, rejectCode }) => status === 'rejected' && (all || codes?.includes(rejectCode ?? '')),
  );
  const ids = [...new Set([...jobs, ...wanted.map(({ jobId }) => jobId)])];
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

/** Returns the jobs that were rejected, dismissed or not. */
async function everRejected(options: CommonOptions): Promise<JobRecord[]> {
  await using catalog = await catalogOf(options);
  if (catalog === undefined) return [];
  return [...(await catalog.jobs({ status: 'rejected' })), ...(await catalog.jobs({ status: 'dismissed' }))];
}
