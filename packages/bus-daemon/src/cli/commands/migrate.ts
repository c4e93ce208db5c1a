import { type MigrationPlan, migrate, planMigration } from '@quantbot/bus-care/migrate';
import { daemonError } from '@quantbot/bus-format';
import type { Command } from 'commander';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

/**
 * `quantbot-bus migrate`: brings a bus to the layout of this version, after a backup. Without
 * `--apply`, only prints the plan.
 */
export async function migrateCommand(
  options: CommonOptions & { apply?: boolean; backup?: string },
  command: Command,
): Promise<void> {
  const config = configOf(options);
  if (config.cluster !== undefined)
    throw daemonError('CLUSTER_UNSUPPORTED', 'A cluster has its own command for this.', {
      hint: 'Run `quantbot-bus cluster init`: it brings the schema and the lake up to date.',
    });
  const { backup: folder } = options;
  if (!options.apply) {
    const plan = await planMigration(config);
    return print(options, { applied: false, ...plan }, () => describe(plan, 'would: '));
  }
  if (folder === undefined) return command.error('error: --apply needs --backup FOLDER');
  const report = await withProgress(options, onProgress => migrate(config, folder, onProgress));
  print(options, { applied: true, ...report }, () => describe(report, 'done: '));
}

const describe = ({ layout, newest, steps }: MigrationPlan, verb: string): string =>
  steps.length === 0
    ? `layout ${layout}, which this version writes: nothing to do`
    : [`from layout ${layout} to ${newest}`, ...steps.map(step => verb + step)].join('\n');
