import { daemonError } from '@quantbot/bus-format';
import { mustBeFolders, mustBeHere } from '@quantbot/bus-format/state';
import { exactJson } from '@quantbot/infra';
import { busError, readBusMarker, visibleJson, visibleLines } from '@quantbot/infra/bus';
import { type BusConfig, findBusConfig } from '@quantbot/infra/config';
import { showLines } from './pager.js';

/** Options that every command has. */
export interface CommonOptions {
  config?: string;
  json?: boolean;
}

/**
 * Returns the configuration of a command, for one machine or a cluster.
 *
 * @throws DaemonError `NOT_A_FOLDER` for a bus behind a server, which only takes submissions.
 */
export function configOf(options: CommonOptions): BusConfig {
  const { config } = findBusConfig({ config: options.config });
  if (config.cluster === undefined) mustBeHere(config);
  return config;
}

/**
 * {@link configOf} for a command that does not work on a cluster.
 *
 * @throws DaemonError `CLUSTER_UNSUPPORTED`.
 */
export function localConfigOf(options: CommonOptions): BusConfig {
  const config = configOf(options);
  if (config.cluster !== undefined)
    throw daemonError('CLUSTER_UNSUPPORTED', 'This command works on one machine; the configuration is of a cluster.', {
      hint: 'Run it for a bus on one machine, then bring that bus into an empty cluster with `quantbot-bus move --to`.',
    });
  return config;
}

/**
 * {@link configOf} for a command that needs a bus which a daemon has opened at least once.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND`; DaemonError `NOT_A_FOLDER`.
 */
export async function openedBus(options: CommonOptions): Promise<BusConfig> {
  const config = localConfigOf(options);
  mustBeFolders(config);
  if ((await readBusMarker(config.busRoot)) === undefined)
    throw busError('BUS_ROOT_NOT_FOUND', `No daemon has ever run on ${config.busRoot}.`, {
      hint: 'Start one (`quantbot-bus start`), or name the configuration of your bus (`--config FILE`).',
    });
  return config;
}

/** {@link openedBus} on one machine; the configuration of a cluster, which is opened later. */
export async function configOfBus(options: CommonOptions): Promise<BusConfig> {
  const config = configOf(options);
  return config.cluster === undefined ? openedBus(options) : config;
}

/**
 * Prints a result as JSON or as lines for people. Escapes producers' text, so that it cannot
 * control the terminal.
 */
export function print(options: CommonOptions, result: unknown, describe: () => string): void {
  if (options.json) console.log(jsonText(result, 2));
  else showLines(forTerminal(describe()));
}

/** Returns JSON that is safe to print on a terminal. */
export const jsonText = (value: unknown, indent?: number): string => visibleJson(exactJson(value, indent));

/** Makes lines safe for a terminal. The header of a table stays bold. */
export const forTerminal = (text: string): string =>
  text
    .split(bold)
    .map(part => (bold.test(part) ? part : visibleLines(part)))
    .join('');

const bold = new RegExp(`(${['1', '22'].map(code => `\u001b\\[${code}m`).join('|')})`);

/** Returns a list, with a note how many more entries there are. */
export const withRest = (text: string, more: number): string =>
  more === 0 ? text : `${text}\nand ${more.toLocaleString('en')} more; --limit shows them`;
