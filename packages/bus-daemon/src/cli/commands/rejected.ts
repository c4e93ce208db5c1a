import { listRejected, type RejectedEntry, readRejected, retryRejected } from '@quantbot/bus-format/state';
import { visibleLines } from '@quantbot/infra';
import type { Command } from 'commander';
import { type CommonOptions, openedBus, print } from '../shared.js';

/** `quantbot-bus rejected [JOB]`: what was rejected and why. */
export async function rejectedCommand(job: string | undefined, options: CommonOptions): Promise<void> {
  const config = await openedBus(options);
  const entries = job === undefined ? await listRejected(config) : [await readRejected(config, job)];
  print(options, entries, () => (entries.length === 0 ? 'no job is rejected' : entries.map(describeEntry).join('\n')));
}

/** `quantbot-bus retry JOB…|--all`: puts rejected jobs back into the inbox. */
export async function retryCommand(
  jobs: string[],
  options: CommonOptions & { all?: boolean },
  command: Command,
): Promise<void> {
  const config = await openedBus(options);
  const ids = options.all ? (await listRejected(config)).map(entry => entry.jobId) : jobs;
  if (ids.length === 0 && !options.all) command.error('error: name the jobs to retry, or say --all');
  for (const id of ids) await retryRejected(config, id);
  print(options, { retried: ids }, () => `${ids.length} job${ids.length === 1 ? '' : 's'} back in the inbox`);
}

function describeEntry({ jobId, folder, reason }: RejectedEntry): string {
  if (reason === undefined) return `${jobId}\n  no reason yet (${folder})`;
  const lines = [
    `${jobId}  ${reason.code}  ${reason.rejected_at_utc}`,
    `  ${reason.error}`,
    ...reason.details.map(detail => `  - ${detail}`),
    `  Try: ${reason.hint}`,
  ];
  return lines.map(visibleLines).join('\n');
}
