import { resolve } from 'node:path';
import { configFileName, findBusConfig } from '@quantbot/infra';
import type { Command } from 'commander';
import type { AdoptionReport } from '../../adopt/adopt.js';
import { describeReport } from '../../adopt/describe.js';
import { adopt } from '../../adopt.js';
import type { BusCommand } from '../bus-command.js';
import { withProgress } from '../progress.js';
import { busCommand, type CommonOptions, collect, parseDuration, print } from '../shared.js';

interface Options extends CommonOptions {
  apply?: boolean;
  map: string[];
  skip: string[];
  only: string[];
  skipKnown?: boolean;
  writeViews?: boolean;
  timeout: string;
}

/**
 * `quantbot-bus adopt DATABASE`: the tables of an existing database become artifacts and canonical
 * tables.
 */
export const adoptCommand = (): BusCommand =>
  busCommand('adopt', 'Make artifacts and canonical tables of an existing database; without --apply only say how.')
    .argument('<database>', 'a DuckDB database, such as data/alerts.duckdb')
    .option('--apply', 'do it; can be ended at any moment and run again')
    .option('--map <table=name>', 'the canonical table of an old one: main.trades=trades_old (repeatable)', collect, [])
    .option('--skip <table>', 'leave a table out: main.scratch (repeatable)', collect, [])
    .option('--only <table>', 'take only this table, the others later: main.trades (repeatable)', collect, [])
    .option('--skip-known', 'leave out the tables whose canonical table has rows in the bus already')
    .option('--write-views', 'with --apply: add the views that let old names answer to bus_config.json')
    .option('--timeout <duration>', 'how long the daemon may take over the tables', '1h')
    .explain({
      notes: `Nothing is changed without --apply, and the old database is never written to: it keeps a second name
beside (alerts.duckdb.before-bus-…) when the one that the bus publishes takes its place.`,
      exitCodes: { 0: 'done, or the plan can be applied', 2: 'the plan has conflicts' },
      examples: [
        'quantbot-bus adopt data/alerts.duckdb',
        'quantbot-bus adopt data/alerts.duckdb --map main.trades=trades_old --skip main.scratch',
        'quantbot-bus adopt data/alerts.duckdb --only main.trades --apply',
        'quantbot-bus adopt data/alerts.duckdb --skip-known --apply --write-views',
      ],
    })
    .action(async (database: string, options: Options, command: Command) => {
      const timeoutMs = parseDuration(options.timeout);
      if (timeoutMs === undefined) command.error(`error: ${options.timeout} is no duration; write 90s, 30m, 2h`);
      const { path, config } = findBusConfig({ config: options.config });
      const adoption = {
        apply: options.apply ?? false,
        map: parseMap(options.map, command),
        skip: options.skip,
        only: options.only,
        skipKnown: options.skipKnown ?? false,
        writeViews: options.writeViews ? (path ?? resolve(configFileName)) : undefined,
        timeoutMs: timeoutMs ?? 0,
        onStep: stepsOf(options),
      };
      const report: AdoptionReport = await withProgress(options, onProgress =>
        adopt(config, database, { ...adoption, onProgress }),
      );
      print(options, report, () => describeReport(report));
      if (report.conflicts.length > 0) process.exitCode = 2;
    });

function parseMap(entries: readonly string[], command: Command): Map<string, string> {
  return new Map(
    entries.map(entry => {
      const at = entry.lastIndexOf('=');
      if (at < 1) command.error(`error: ${entry} is no mapping; write main.trades=trades_old`);
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

function stepsOf(options: CommonOptions): ((step: string) => void) | undefined {
  return options.json || !process.stderr.isTTY ? undefined : step => console.error(`\r\u001B[K${step}`); // in the place of the bar
}
