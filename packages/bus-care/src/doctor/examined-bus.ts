import { type BusLayout, type BusMarker, busLayout, readBusMarker } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { tablesOfExports } from './export-tables.js';
import { once, type ReadsOnce } from './once.js';
import { type PublishedFacts, readPublishedFacts } from './published-facts.js';
import { shellWord } from './words.js';
import { viewWriter, type WriterView } from './writer-view.js';

/** A bus under examination. Facts that several checks need are read once. */
export interface ExaminedBus {
  config: BusConfig;
  layout: BusLayout;
  /** The file of the configuration; undefined if only the defaults apply. */
  configPath: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** The time of day (milliseconds). */
  now: number;
  /** Undefined: no daemon has ever run here, or the marker cannot be read. */
  marker: BusMarker | undefined;
  writer: WriterView;
  /** The facts in the published database; undefined if it cannot be read. */
  published: ReadsOnce<PublishedFacts | undefined>;
  exportTables: ReadsOnce<Map<string, string[] | undefined>>;
  /** Returns a `quantbot-bus` command line for this bus, between backticks. */
  run(words: string): string;
  /** Returns the command that restarts the daemon, between backticks. */
  restart(): string;
}

/** The bus to examine. */
export interface ExaminedPlace {
  config: BusConfig;
  configPath: string | undefined;
  /** Whether the user named the file, so that suggested commands must name it too. */
  isNamed: boolean;
  env: Readonly<Record<string, string | undefined>>;
  now: number;
}

/** Reads the facts that every check needs. */
export async function examineBus({ isNamed, ...place }: ExaminedPlace): Promise<ExaminedBus> {
  const { config, configPath } = place;
  const flag = isNamed && configPath !== undefined ? ` --config ${shellWord(configPath)}` : '';
  const writer = await viewWriter(config);
  const run = (words: string) => `\`quantbot-bus ${words}${flag}\``;
  return {
    ...place,
    layout: busLayout(config.busRoot),
    marker: await readBusMarker(config.busRoot).catch(() => undefined), // the check `bus` reports why
    writer,
    // The check `database` reports why it cannot be read.
    published: once(() => readPublishedFacts(config, place.now).catch(() => undefined)),
    exportTables: once(() => tablesOfExports(config)),
    run,
    restart: () => {
      if (writer.where === 'hidden') return 'Restart the daemon where it runs';
      return writer.pid === undefined ? run('start') : `\`kill ${writer.pid}\`, then ${run('start')}`;
    },
  };
}
