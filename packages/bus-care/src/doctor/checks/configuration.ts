import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BusError } from '@quantbot/infra';
import { isInTheClear } from '@quantbot/infra/config';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { shellWord } from '../words.js';

/** Reports an unusable configuration, with all of its mistakes. */
export function brokenConfiguration(error: BusError): Finding[] {
  const { code, message, details, hint } = error;
  if (code === 'CONFIG_NOT_FOUND' || code === 'BUS_ROOT_INVALID') return [finding(code, message, hint)];
  const mistakes = details.length > 0 ? details.map(detail => `${message} ${detail}`) : [message];
  return mistakes.map(what => finding('CONFIG_INVALID', what, hint));
}

/**
 * Reports where the configuration is. Checks that the daemon uses its current content, and that
 * producers submit to the same bus. Reports a server whose tokens others could read.
 */
export async function configuration(bus: ExaminedBus): Promise<Finding[]> {
  const { configPath, config } = bus;
  return orFine(
    [...notReadYet(bus), ...producersElsewhere(bus), ...inTheClear(bus)],
    'configuration',
    configPath === undefined
      ? `no bus_config.json in the working folder or above it; the defaults apply, and the bus is ${config.busRoot}`
      : `${configPath}, the bus is ${config.busRoot}`,
  );
}

function notReadYet({ configPath, writer, restart }: ExaminedBus): Finding[] {
  if (configPath === undefined || writer.where !== 'here' || writer.file?.pid !== writer.pid) return [];
  // The lock file has its time in whole milliseconds.
  if (Math.floor(statSync(configPath).mtimeMs) <= Date.parse(writer.file?.since ?? '')) return [];
  return [
    finding(
      'CONFIG_CHANGED',
      `${configPath} was changed after the daemon (process ${writer.pid}) had started. It still works with the earlier settings.`,
      restart(),
    ),
  ];
}

function producersElsewhere({ env, config }: ExaminedBus): Finding[] {
  const named = env.QUANTBOT_BUS_ROOT;
  if (!named || resolve(named) === config.busRoot) return [];
  return [
    finding(
      'PRODUCERS_ELSEWHERE',
      `QUANTBOT_BUS_ROOT is ${named}: programs started from here submit there, not to ${config.busRoot}.`,
      `\`unset QUANTBOT_BUS_ROOT\`, or \`export QUANTBOT_BUS_ROOT=${shellWord(config.busRoot)}\``,
    ),
  ];
}

function inTheClear({ config: { http } }: ExaminedBus): Finding[] {
  if (!isInTheClear(http)) return [];
  return [
    finding(
      'TOKENS_IN_THE_CLEAR',
      `The server at ${http.listen} takes tokens of other machines without TLS, unless a proxy encrypts before it.`,
      'set http.tls, or listen on 127.0.0.1 behind a proxy with TLS',
    ),
  ];
}
