import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { withClusterPackage } from '../../cluster-package.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus move --to FILE`: a whole bus from one machine into a cluster, or back. */
export async function moveCommand(options: CommonOptions & { to: string }): Promise<void> {
  const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
  const from = { config: configOf(options) };
  const to = { config: findBusConfig({ config: options.to }).config, path: options.to };
  const { move } = await withClusterPackage(() => import('../../cluster/move.js'));
  const { describeMove } = await withClusterPackage(() => import('@quantbot/bus-migrate/move'));
  const report = await withProgress(options, onProgress => move(from, to, logger, onProgress));
  print(options, report, () => describeMove(report));
}
