import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { seed } from '@quantbot/tooling-config/campaign';
import { built } from '../../src/built.js';

/** Runs the program in its own process, because it uses another DuckDB version than the tests. */
export async function clusterFaults(...args: string[]): Promise<{ code: number | null; printed: string }> {
  const child = spawn(process.execPath, [built('main'), '--cluster', '--seed', String(seed), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>(resolve => child.on('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, printed: out + err };
}
