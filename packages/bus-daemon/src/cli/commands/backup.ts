import { type BackupReport, backup } from '@quantbot/bus-care/backup';
import { daemonError } from '@quantbot/bus-format';
import type { ClusterConfig } from '@quantbot/infra/config';
import type { Command } from 'commander';
import { withClusterPackage } from '../../cluster-package.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus backup FOLDER`: copies the bus as of one moment, while the daemon works. Exit code
 * 2 if a file is missing or changed.
 */
export async function backupCommand(
  folder: string | undefined,
  options: CommonOptions,
  command: Command,
): Promise<void> {
  const { cluster } = configOf(options);
  if (cluster !== undefined) return advise(cluster, folder, options);
  if (folder === undefined) return command.error("error: missing required argument 'folder'");
  const config = await openedBus(options);
  const report = await withProgress(options, onProgress => backup(config, folder, onProgress));
  print(options, report, () => describeReport(report));
  if (report.problems.length > 0) process.exitCode = 2;
}

/** The servers of a cluster are backed up by their own means. Exit code 2 if they do not fit. */
async function advise(cluster: ClusterConfig, folder: string | undefined, options: CommonOptions): Promise<void> {
  if (folder !== undefined && folder !== 'advice')
    throw daemonError('CLUSTER_UNSUPPORTED', 'A cluster is not copied into a folder.', {
      hint: 'Run `quantbot-bus backup` without a folder: it says what to back up, and whether database and bucket fit.',
    });
  const { adviseBackup, describeBackupAdvice } = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
  const advice = await adviseBackup(cluster);
  print(options, advice, () => describeBackupAdvice(advice));
  if (advice.missing.length + advice.lostJobs > 0) process.exitCode = 2;
}

const describeReport = ({ problems, artifacts, bytes, copied, jobs, seq, destination }: BackupReport): string =>
  [
    ...problems,
    `${artifacts} artifacts, ${bytes} bytes up to seq ${seq}; ${copied} of them new; ${jobs} jobs on their way or rejected`,
    `in ${destination}`,
  ].join('\n');
