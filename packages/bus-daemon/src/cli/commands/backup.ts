import { type BackupReport, backup } from '@quantbot/bus-care/backup';
import { withProgress } from '../progress.js';
import { type CommonOptions, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus backup FOLDER`: a copy of the bus, as of one moment, while the daemon works. Exit
 * code 2 when something is missing or changed.
 */
export async function backupCommand(folder: string, options: CommonOptions): Promise<void> {
  const config = await openedBus(options);
  const report = await withProgress(options, onProgress => backup(config, folder, onProgress));
  print(options, report, () => describeReport(report));
  if (report.problems.length > 0) process.exitCode = 2;
}

const describeReport = ({ problems, artifacts, bytes, copied, jobs, seq, destination }: BackupReport): string =>
  [
    ...problems,
    `${artifacts} artifacts, ${bytes} bytes up to seq ${seq}; ${copied} of them new; ${jobs} jobs on their way or rejected`,
    `in ${destination}`,
  ].join('\n');
