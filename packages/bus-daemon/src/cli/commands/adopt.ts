import { resolve } from 'node:path';
import { type AdoptionReport, describeReport } from '@quantbot/bus-migrate/adopt';
import { configFileName, findBusConfig } from '@quantbot/infra/config';
import type { Command } from 'commander';
import { adopt } from '../../adopt.js';
import { parseDuration } from '../arguments.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, localConfigOf, print } from '../shared.js';

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
 * `quantbot-bus adopt DATABASE`: turns the tables of an existing database into artifacts and
 * canonical tables.
 */
export async function adoptCommand(database: string, options: Options, command: Command): Promise<void> {
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined) command.error(`error: ${options.timeout} is not a duration; write 90s, 30m or 2h`);
  const { path } = findBusConfig({ config: options.config });
  const config = localConfigOf(options);
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
}

function parseMap(entries: readonly string[], command: Command): Map<string, string> {
  return new Map(
    entries.map(entry => {
      const at = entry.lastIndexOf('=');
      if (at < 1) command.error(`error: ${entry} is not a mapping; write main.trades=trades_old`);
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

function stepsOf(options: CommonOptions): ((step: string) => void) | undefined {
  return options.json || !process.stderr.isTTY ? undefined : step => console.error(`\r\u001B[K${step}`); // replaces the progress bar
}
