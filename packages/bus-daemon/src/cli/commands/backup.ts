import { type BackupReport, backup } from '../../backup/backup.js';
import type { BusCommand } from '../bus-command.js';
import { withProgress } from '../progress.js';
import { busCommand, type CommonOptions, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus backup FOLDER`: a copy of the bus, as of one moment, while the daemon works. Exit
 * code 2 when something is missing or changed.
 */
export const backupCommand = (): BusCommand =>
  busCommand('backup', 'Make or renew a copy of the whole bus as of one moment, while the daemon works.')
    .argument('<folder>', 'on another disk; empty, or with an earlier backup of this bus')
    .explain({
      notes: `The folder is laid out as a bus root: to restore, copy it to where bus_root shall be and start the daemon, which makes the database,
the compacted tables and the exports again. Only artifacts that are not there yet are copied, and each one is hashed.`,
      exitCodes: { 0: 'all is there', 2: 'artifacts of the bus are missing or changed; all others are there' },
      examples: ['quantbot-bus backup /mnt/backup/bus', 'quantbot-bus backup /mnt/backup/bus --json'],
    })
    .action(async (folder: string, options: CommonOptions) => {
      const config = await openedBus(options);
      const report = await withProgress(options, onProgress => backup(config, folder, onProgress));
      print(options, report, () => describeReport(report));
      if (report.problems.length > 0) process.exitCode = 2;
    });

const describeReport = ({ problems, artifacts, bytes, copied, jobs, seq, destination }: BackupReport): string =>
  [
    ...problems,
    `${artifacts} artifacts, ${bytes} bytes up to seq ${seq}; ${copied} of them new; ${jobs} jobs on their way or rejected`,
    `in ${destination}`,
  ].join('\n');
