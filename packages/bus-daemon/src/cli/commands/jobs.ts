import { findJob, type JobEntry, type JobState, type JobsWanted, listJobs } from '@quantbot/bus-care/jobs';
import { daemonError } from '@quantbot/bus-format';
import { visibleLines } from '@quantbot/infra/bus';
import { withClusterPackage } from '../../cluster-package.js';
import { describeDismissal } from '../dismissal.js';
import { type CommonOptions, configOf, openedBus, print, withRest } from '../shared.js';
import { tableOf } from '../table.js';

interface Options extends CommonOptions {
  state?: JobState;
  run?: string;
  producer?: string;
  kind?: string;
  code?: string;
  since?: Date;
  until?: Date;
  limit: number;
}

/** `quantbot-bus jobs [JOB]`: lists jobs, settled or not. */
export async function jobsCommand(jobId: string | undefined, options: Options): Promise<void> {
  const known = await jobsOf(options);
  if (jobId !== undefined) {
    const job = await known.find(jobId);
    if (job === undefined)
      throw daemonError('JOB_NOT_FOUND', `The bus has no job ${jobId}.`, {
        hint: 'Run `quantbot-bus jobs` to list the newest jobs. A job that its producer has not finished is in staging/.',
      });
    print(options, job, () => describeJob(job));
    return;
  }
  const { state, run, producer, kind, code, since, until, limit } = options;
  const settled = { runId: run, producer, kind, rejectCode: code, since, until };
  const { jobs, more } = await known.list({ state, ...settled, limit });
  print(options, jobs, () => withRest(describeJobs(jobs), more));
}

/** Returns the jobs of one machine or of a cluster. */
async function jobsOf(options: CommonOptions) {
  const { cluster } = configOf(options);
  if (cluster !== undefined) {
    const { ClusterJobs } = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
    return new ClusterJobs(cluster);
  }
  const config = await openedBus(options);
  return {
    find: (jobId: string) => findJob(config, jobId),
    list: (wanted: JobsWanted) => listJobs(config, wanted),
  };
}

function describeJobs(jobs: readonly JobEntry[]): string {
  if (jobs.length === 0) return 'no job';
  return tableOf(
    ['seq', 'state', 'source', 'at', 'code', 'rows', 'job', 'artifacts', 'bytes'],
    jobs.map(({ jobId, state, at, settled }) => [
      settled?.seq,
      state,
      settled && `${settled.producer ?? '?'}/${settled.kind ?? '?'}`,
      at,
      settled?.rejectCode,
      settled?.rows,
      jobId,
      settled?.artifacts,
      settled?.bytes,
    ]),
  );
}

function describeJob({ jobId, state, at, settled }: JobEntry): string {
  const lines = [
    `job       ${jobId}`,
    `state     ${state}`,
    `${settled === null ? 'since    ' : 'committed'} ${at.toISOString()}`,
  ];
  if (settled === null) return lines.join('\n');
  const { seq, runId, producer, kind, artifacts, rows, bytes, rejectCode, rejectError, dismissedAt } = settled;
  lines.push(
    `seq       ${seq}`,
    `origin    run ${runId ?? '?'}, ${producer ?? '?'}/${kind ?? '?'}`,
    `content   ${artifacts} artifacts, ${rows} rows, ${bytes} bytes`,
  );
  if (rejectCode !== null)
    lines.push(`rejected  ${rejectCode}: ${visibleLines(rejectError ?? '')}`, `Try: quantbot-bus rejected ${jobId}`);
  if (dismissedAt !== null) lines.push(`dismissed ${describeDismissal(settled)}`);
  return lines.join('\n');
}
