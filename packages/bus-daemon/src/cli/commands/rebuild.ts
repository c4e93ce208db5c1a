import { createLogger } from '@quantbot/infra';
import { rebuild } from '../../care/rebuild.js';
import type { BusCommand } from '../bus-command.js';
import { withProgress } from '../progress.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus rebuild`: canonical tables and database again, from journal and store. */
export const rebuildCommand = (): BusCommand =>
  busCommand(
    'rebuild',
    'Make canonical tables and the published database again from journal and store alone (no daemon may run).',
  )
    .explain({
      exitCodes: { 0: 'all is rebuilt', 2: 'a stored artifact is lost or damaged, and its table stays as it was' },
      examples: ['quantbot-bus rebuild', 'quantbot-bus rebuild --json'],
    })
    .action(async (options: CommonOptions) => {
      const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
      const report = await withProgress(options, onProgress => rebuild(configOf(options), logger, onProgress));
      print(options, report, () =>
        [
          ...report.problems,
          `rebuilt ${report.tables.length} canonical tables and the database, up to seq ${report.lastSeq}`,
        ].join('\n'),
      );
      if (report.problems.length > 0) process.exitCode = 2;
    });
