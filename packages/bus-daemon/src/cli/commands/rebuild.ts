import { createLogger } from '@quantbot/infra';
import { withClusterPackage } from '../../cluster-package.js';
import { rebuild } from '../../rebuild.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus rebuild`: canonical tables and database again, from journal and store. */
export async function rebuildCommand(options: CommonOptions): Promise<void> {
  const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
  const config = configOf(options);
  const { cluster } = config;
  if (cluster !== undefined) {
    const { rebuildLake } = await withClusterPackage(() => import('../../cluster/rebuild-lake.js'));
    const lastSeq = await rebuildLake({ config, cluster, logger });
    return print(options, { lastSeq }, () => `rebuilt the lake from journal and store, up to seq ${lastSeq}`);
  }
  const report = await withProgress(options, onProgress => rebuild(config, logger, onProgress));
  print(options, report, () =>
    [
      ...report.problems,
      `rebuilt ${report.tables.length} canonical tables and the database, up to seq ${report.lastSeq}`,
    ].join('\n'),
  );
  if (report.problems.length > 0) process.exitCode = 2;
}
