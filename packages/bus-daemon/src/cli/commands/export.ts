import { setTimeout as sleep } from 'node:timers/promises';
import { daemonError, type OnProgress } from '@quantbot/bus-format';
import { type ExportStatus, readExportStatus } from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';
import { withClusterPackage } from '../../cluster-package.js';
import { operate } from '../operate.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, print } from '../shared.js';

const pollMs = 200;

/** `quantbot-bus export [NAME…] [--force]`: updates golden exports now. */
export async function exportCommand(names: string[], options: CommonOptions & { force?: boolean }): Promise<void> {
  const config = configOf(options);
  if (!config.export.enabled)
    throw daemonError('EXPORT_FAILED', 'Exports are switched off (export.enabled).', {
      hint: 'Set export.enabled to true in bus_config.json.',
    });
  const force = options.force ?? false;
  const { seq } = await operate(config, { type: 'export', names, force }, config.export.timeoutMs);
  const tell = options.json || process.stderr.isTTY ? () => {} : (line: string) => console.error(line);
  const exports = await withProgress(options, async onProgress => {
    const { cluster } = config;
    if (cluster === undefined) return (await untilServed(config, seq, { names, tell, onProgress })).exports;
    const { awaitExports } = await withClusterPackage(() => import('../../cluster/exports/await-exports.js'));
    return awaitExports(config, cluster, { seq, names, force }, onProgress);
  });
  const chosen = Object.entries(exports).filter(([name]) => names.length === 0 || names.includes(name));
  const unknown = names.filter(name => exports[name] === undefined);
  if (unknown.length > 0)
    throw daemonError('EXPORT_FAILED', `There is no export ${unknown.join(', ')}.`, {
      hint: `Name one of these: ${Object.keys(exports).join(', ') || 'there is none yet'}.`,
    });
  print(options, Object.fromEntries(chosen), () => chosen.map(([name, entry]) => describe(name, entry)).join('\n'));
  if (chosen.some(([, entry]) => !entry.ok)) process.exitCode = 1;
}

/** Prints each export as it is written, and returns when all requested ones are done. */
async function untilServed(
  config: BusConfig,
  seq: number,
  { names, tell, onProgress }: { names: readonly string[]; tell: (line: string) => void; onProgress: OnProgress },
): Promise<ExportStatus> {
  const told = new Map<string, string>();
  const written = new Set<string>();
  let isBegun = false;
  // The daemon limits the time of each export. If none finishes for longer, the daemon is not
  // working on them.
  const patienceMs = config.export.timeoutMs + config.pollIntervalMs + 10_000;
  let updatedAt = '';
  let deadline = Number.POSITIVE_INFINITY;
  for (;;) {
    const status = await readExportStatus(config.export.exportDir);
    if (status.updated_at !== updatedAt) deadline = performance.now() + patienceMs;
    updatedAt = status.updated_at;
    if (performance.now() > deadline)
      throw daemonError('EXPORT_FAILED', 'The daemon accepted the request, but wrote no export.', {
        hint: 'Run `quantbot-bus status` to see whether the daemon still runs. Its next start refreshes every stale export.',
      });
    for (const [name, entry] of Object.entries(status.exports)) {
      if (isBegun && told.get(name) !== entry.started_at) {
        tell(describe(name, entry));
        written.add(name);
      }
      told.set(name, entry.started_at);
    }
    isBegun = true;
    const total = names.length > 0 ? names.length : told.size;
    onProgress({ done: Math.min(written.size, total), total, unit: 'exports', what: [...written].at(-1) });
    if (status.served_seq >= seq) return status;
    await sleep(pollMs);
  }
}

const describe = (name: string, entry: ExportStatus['exports'][string]): string =>
  entry.ok
    ? `${name}: ${entry.rows} rows, ${entry.bytes} bytes, as of seq ${entry.as_of_seq} (${entry.path})`
    : `${name}: FAILED: ${entry.error}`;
