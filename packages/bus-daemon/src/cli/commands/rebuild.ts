import { createLogger } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { withClusterPackage } from '../../cluster-package.js';
import { rebuild } from '../../rebuild.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

interface Options extends CommonOptions {
  fromObjects?: boolean;
}

/**
 * `quantbot-bus rebuild`: rebuilds canonical tables and database from journal and store; on a
 * cluster the lake, or all of PostgreSQL.
 */
export async function rebuildCommand(options: Options): Promise<void> {
  const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
  const config = configOf(options);
  const { cluster } = config;
  if (cluster === undefined && options.fromObjects)
    throw busError('CONFIG_INVALID', '--from-objects is for a cluster; the configuration has no section cluster.', {
      hint: 'Run `quantbot-bus rebuild`.',
    });
  if (cluster !== undefined && options.fromObjects) {
    const { rebuildFromObjects } = await withClusterPackage(() => import('../../cluster/rebuild-from-objects.js'));
    const done = await withProgress(options, onProgress =>
      rebuildFromObjects({ config, configPath: options.config, cluster, logger, onProgress }),
    );
    return print(options, done, () =>
      [
        `rebuilt the database and the lake of the bus ${done.busId} from its objects, up to seq ${done.lastSeq}`,
        'Jobs that were committed later are in the inbox: quantbot-bus start',
      ].join('\n'),
    );
  }
  if (cluster !== undefined) {
    const { rebuildLake } = await withClusterPackage(() => import('../../cluster/rebuild-lake.js'));
    const lastSeq = await withProgress(options, onProgress => rebuildLake({ config, cluster, logger, onProgress }));
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
