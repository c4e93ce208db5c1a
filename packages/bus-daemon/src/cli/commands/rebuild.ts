import { createLogger } from '@quantbot/infra';
import { rebuild } from '../../rebuild.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus rebuild`: canonical tables and database again, from journal and store. */
export async function rebuildCommand(options: CommonOptions): Promise<void> {
  const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
  const report = await withProgress(options, onProgress => rebuild(configOf(options), logger, onProgress));
  print(options, report, () =>
    [
      ...report.problems,
      `rebuilt ${report.tables.length} canonical tables and the database, up to seq ${report.lastSeq}`,
    ].join('\n'),
  );
  if (report.problems.length > 0) process.exitCode = 2;
}
