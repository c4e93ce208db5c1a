import { createLogger } from '@quantbot/infra';
import type { Command } from 'commander';
import { rebuild } from '../../care/rebuild.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus rebuild`: canonical tables and database again, from journal and store. */
export const rebuildCommand = (): Command =>
  busCommand(
    'rebuild',
    'Make canonical tables and the published database again from journal and store alone (no daemon may run).',
  ).action(async (options: CommonOptions) => {
    const logger = createLogger({ name: 'quantbot-bus', level: 'warn' });
    const report = await rebuild(configOf(options), logger, table => {
      if (!options.json) console.error(`canon.${table} …`);
    });
    print(
      options,
      report,
      () => `rebuilt ${report.tables.length} canonical tables and the database, up to seq ${report.lastSeq}`,
    );
  });
