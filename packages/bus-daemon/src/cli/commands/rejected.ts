import { DaemonError } from '@quantbot/bus-format';
import { listRejected, type RejectedEntry, readRejected, retryRejected } from '@quantbot/bus-format/state';
import { rejectCodes } from '@quantbot/infra';
import { visibleLines } from '@quantbot/infra/bus';
import type { JobRecord } from '@quantbot/storage';
import type { Command } from 'commander';
import { withClusterPackage } from '../../cluster-package.js';
import { describeDismissal, readDismissals } from '../dismissal.js';
import { failWith } from '../fail.js';
import { type CommonOptions, configOf, openedBus, print, withRest } from '../shared.js';

/** `quantbot-bus rejected [JOB]`: lists rejected jobs and the reasons. */
export async function rejectedCommand(
  job: string | undefined,
  options: CommonOptions & { dismissed?: boolean; limit: number },
): Promise<void> {
  const rejected = await rejectedJobs(options);
  const dismissals = await readDismissals(options);
  const isListed = (entry: RejectedEntry) => (dismissals.of(entry) !== null) === (options.dismissed === true);
  const entries = job === undefined ? (await rejected.list()).filter(isListed) : [await rejected.read(job)];
  const shown = entries.map(entry => ({ ...entry, dismissed: dismissals.of(entry) }));
  const none = `no job is ${options.dismissed ? 'dismissed' : 'rejected'}`;
  print(options, shown, () => {
    const described = shown.slice(0, options.limit).map(describeEntry).join('\n');
    return shown.length === 0 ? none : withRest(described, shown.length - Math.min(shown.length, options.limit));
  });
}

/** `quantbot-bus retry JOB…|--code CODE…|--all`: puts rejected jobs back into the inbox. */
export async function retryCommand(
  jobs: string[],
  options: CommonOptions & { all?: boolean; code?: string[] },
  command: Command,
): Promise<void> {
  const { all = false, code: codes } = options;
  if (jobs.length === 0 && codes === undefined && !all)
    command.error('error: name the jobs to retry, or pass --code CODE or --all');
  checkCodes(codes, command);
  const rejected = await rejectedJobs(options);
  const listed = all || codes !== undefined ? await rejected.list() : [];
  const dismissals = await readDismissals(options);
  const wanted = listed.filter(
    entry => dismissals.of(entry) === null && (all || codes?.includes(entry.reason?.code ?? '')),
  );
  const ids = [...new Set([...jobs, ...wanted.map(({ jobId }) => jobId)])];
  const { retried, failed } = await retryEach(ids, id => rejected.retry(id));
  const isMissed = ({ id, error }: Failed) => error.code !== 'JOB_NOT_FOUND' || jobs.includes(id);
  print(options, { retried }, () => `${retried.length} job${retried.length === 1 ? '' : 's'} back in the inbox`);
  for (const { error } of failed.filter(isMissed)) failWith(error);
}

interface Failed {
  id: string;
  error: DaemonError;
}

/** Retries each job. One that cannot go back stops no other: a producer could make it so. */
async function retryEach(
  ids: readonly string[],
  retry: (id: string) => Promise<void>,
): Promise<{ retried: string[]; failed: Failed[] }> {
  const retried: string[] = [];
  const failed: Failed[] = [];
  for (const id of ids) {
    const error = await retry(id).then(
      () => undefined,
      error => error as unknown,
    );
    if (error === undefined) retried.push(id);
    else if (error instanceof DaemonError) failed.push({ id, error });
    else throw error;
  }
  return { retried, failed };
}

/** Ends the command if a code is none of a rejection. */
export function checkCodes(codes: readonly string[] | undefined, command: Command): void {
  const unknown = codes?.find(code => !Object.hasOwn(rejectCodes, code));
  if (unknown !== undefined) command.error(`error: ${unknown} is not a code of a rejection (docs/reference/errors.md)`);
}

/** Returns the rejected jobs of one machine or of a cluster. */
async function rejectedJobs(options: CommonOptions) {
  const { cluster } = configOf(options);
  if (cluster !== undefined)
    return (await withClusterPackage(() => import('@quantbot/bus-cluster/care'))).RejectedJobs.open(cluster);
  const config = await openedBus(options);
  return {
    list: () => listRejected(config),
    read: (id: string) => readRejected(config, id),
    retry: (id: string) => retryRejected(config, id),
  };
}

function describeEntry({ jobId, folder, reason, dismissed }: RejectedEntry & { dismissed: JobRecord | null }): string {
  if (reason === undefined) return `${jobId}\n  no reason yet (${folder})`;
  const lines = [
    `${jobId}  ${reason.code}  ${reason.rejected_at_utc}`,
    `  ${reason.error}`,
    // The sentence of a job with few mistakes has them already.
    ...reason.details.filter(detail => !reason.error.includes(detail)).map(detail => `  - ${detail}`),
    dismissed === null ? `  Try: ${reason.hint}` : `  dismissed ${describeDismissal(dismissed)}`,
  ];
  return lines.map(visibleLines).join('\n');
}
