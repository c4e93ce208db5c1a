import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLockHolder } from '@quantbot/bus-daemon';

/** The repository's root. */
export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** Where the demo lays everything. */
export interface Workspace {
  root: string;
  config: string;
  data: string;
  /** The producers' own files. */
  work: string;
  daemonLog: string;
}

const marker = '.made-by-demo';

/**
 * An empty `data/`. What an earlier demo left is removed; anything else is somebody's own and stays.
 *
 * @throws Error that says what is in the way.
 */
export async function freshWorkspace(root = repositoryRoot): Promise<Workspace> {
  const data = join(root, 'data');
  const holder = await readLockHolder(join(data, 'alerts.duckdb'));
  if (holder?.alive)
    throw new Error(`A daemon (process ${holder.pid}) works in ${data}. Stop it first: kill ${holder.pid}`);
  if (existsSync(data) && readdirSync(data).length > 0) {
    if (!existsSync(join(data, marker)))
      throw new Error(`${data} holds something that the demo did not make. Move it away first.`);
    rmSync(data, { recursive: true });
  }
  const work = join(data, 'work');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(data, marker), 'npm run demo made this folder, and removes it when it runs again.\n');
  return { root, config: join(root, 'bus_config.json'), data, work, daemonLog: join(data, 'daemon.log') };
}
