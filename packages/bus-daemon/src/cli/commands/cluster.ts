import { busError } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import { withClusterPackage } from '../../cluster-package.js';
import { type CommonOptions, print } from '../shared.js';

/** `quantbot-bus cluster init`: creates or completes the schema, the lake and the marker. */
export async function clusterInitCommand(options: CommonOptions): Promise<void> {
  const { path, config } = findBusConfig({ config: options.config });
  if (config.cluster === undefined)
    throw busError('CONFIG_INVALID', `${path ?? 'The configuration'} has no section cluster.`, {
      hint: 'Add `"cluster": { "postgres": "postgres://bus@db/bus", "objects": "s3://bucket/prefix" }` to bus_config.json.',
    });
  const { initCluster } = await withClusterPackage(() => import('../../cluster/init.js'));
  const made = await initCluster(config, config.cluster);
  print(options, made, () =>
    [
      `${made.objects} is the bus ${made.busId}.`,
      made.migrations.length === 0
        ? 'Its database was up to date.'
        : `Migrations that ran: ${made.migrations.join(', ')}.`,
      '',
      'Grant no more than this:',
      '  daemons     the owner of the schema bus and of the lake in PostgreSQL; the whole prefix of the bucket,',
      '              s3:DeleteObject on store/ only if they are to forget artifacts',
      '  producers   s3:PutObject on store/ and inbox/, s3:GetObject on bus.json, receipts/ and rejected/',
      '  operators   the same, and s3:PutObject on operators/, to have artifacts forgotten',
      "  readers     SELECT on the lake's tables in PostgreSQL; s3:GetObject on store/, lake/ and exports/",
      '',
      'Next: quantbot-bus start, on as many hosts as you like',
    ].join('\n'),
  );
}
