import type { Command } from 'commander';
import { listRejected, type RejectedEntry, readRejected, retryRejected } from '../../care/rejected.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus rejected [JOB]`: what was rejected and why. */
export const rejectedCommand = (): Command =>
  busCommand('rejected', 'List the rejected jobs, or show one.')
    .argument('[job]', 'a job id')
    .action(async (job: string | undefined, options: CommonOptions) => {
      const config = configOf(options);
      const entries = job === undefined ? await listRejected(config) : [await readRejected(config, job)];
      print(options, entries, () =>
        entries.length === 0 ? 'no job is rejected' : entries.map(describeEntry).join('\n'),
      );
    });

/** `quantbot-bus retry JOB…|--all`: puts rejected jobs back into the inbox. */
export const retryCommand = (): Command =>
  busCommand('retry', 'Put rejected jobs back into the inbox, as they came.')
    .argument('[jobs...]', 'job ids')
    .option('--all', 'every rejected job')
    .addHelpText('after', '\nExamples:\n  $ quantbot-bus retry job-17\n  $ quantbot-bus retry --all')
    .action(async (jobs: string[], options: CommonOptions & { all?: boolean }, command: Command) => {
      const config = configOf(options);
      const ids = options.all ? (await listRejected(config)).map(entry => entry.jobId) : jobs;
      if (ids.length === 0 && !options.all) command.error('error: name the jobs to retry, or say --all');
      for (const id of ids) await retryRejected(config, id);
      print(options, { retried: ids }, () => `${ids.length} job${ids.length === 1 ? '' : 's'} back in the inbox`);
    });

function describeEntry({ jobId, folder, reason }: RejectedEntry): string {
  if (reason === undefined) return `${jobId}\n  no reason yet (${folder})`;
  return [
    `${jobId}  ${reason.code}  ${reason.rejected_at_utc}`,
    `  ${reason.error}`,
    ...reason.details.map(detail => `  - ${detail}`),
    `  Try: ${reason.hint}`,
  ].join('\n');
}
