import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readLockHolder } from '@quantbot/bus-daemon';
import { readBusMarker } from '@quantbot/infra/bus';
import type { Workspace } from './workspace.js';

const here = dirname(fileURLToPath(import.meta.url));
const children = new Set<ChildProcess>();

/** Ends all processes, so that the demo leaves none behind. */
export function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** A running daemon. */
export interface DemoDaemon {
  /** Resolves when the daemon has ended. */
  ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the daemon as a process and waits until it is ready. */
export async function startDaemon(
  { root, config, data, daemonLog }: Workspace,
  more: readonly string[] = [],
): Promise<DemoDaemon> {
  const log = openSync(daemonLog, 'w');
  const child = track(
    spawn(process.execPath, [join(root, 'packages/bus-daemon/dist/cli.js'), 'start', '--config', config, ...more], {
      stdio: ['ignore', 'ignore', log],
    }),
  );
  for (let waited = 0; ; waited += 50) {
    const holder = await readLockHolder(join(data, 'alerts.duckdb'));
    if (holder?.pid === child.pid && (await readBusMarker(join(data, 'bus'))) !== undefined) break;
    if (child.exitCode !== null || waited > 15_000) throw new Error(`The daemon did not start; see ${daemonLog}.`);
    await sleep(50);
  }
  const end = ended(child);
  return {
    ended: end,
    stop: async () => {
      child.kill('SIGTERM');
      const code = await end;
      if (code !== 0) throw new Error(`The daemon ended with ${code}; see ${daemonLog}.`);
    },
  };
}

/** Runs one preset in its own process. Resolves with the JSON line that it prints. */
export async function runPresetProcess(task: object): Promise<string> {
  const child = track(
    spawn(process.execPath, [join(here, 'run-preset.js'), JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  let output = '';
  child.stdout?.on('data', chunk => {
    output += String(chunk);
  });
  const code = await ended(child);
  if (code !== 0) throw new Error(`A simulation ended with ${code}.`);
  return output;
}

function track(child: ChildProcess): ChildProcess {
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

const ended = (child: ChildProcess): Promise<number | string> =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'nothing'));
  });
