import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLockHolder } from '@quantbot/bus-daemon';

const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The folders of the demo. */
export interface Workspace {
  root: string;
  config: string;
  data: string;
  /** The producers' own files. */
  work: string;
  daemonLog: string;
}

/**
 * The demo's settings. The defaults of all others keep every file below the configuration's folder.
 */
const settings = { poll_interval_s: 1, lock_timeout_s: 10 };

/**
 * Creates an empty folder `demo/` with a configuration of its own. The folder of an earlier demo is
 * moved beside it and never deleted: someone may have submitted into it since.
 *
 * @throws Error if the folder cannot be created, with the reason.
 */
export async function freshWorkspace(root = repositoryRoot): Promise<Workspace> {
  const folder = join(root, 'demo');
  const data = join(folder, 'data');
  const holder = await readLockHolder(join(data, 'alerts.duckdb'));
  if (holder?.alive)
    throw new Error(`A daemon (process ${holder.pid}) works in ${data}. Stop it first: kill ${holder.pid}`);
  if (existsSync(folder)) {
    const kept = `${folder}-until-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`;
    renameSync(folder, kept);
    console.log(`The earlier demo is kept in ${kept}. Remove it when you no longer need it.`);
  }
  const work = join(data, 'work');
  mkdirSync(work, { recursive: true });
  const config = join(folder, 'bus_config.json');
  writeFileSync(config, `${JSON.stringify(settings, null, 2)}\n`);
  return { root, config, data, work, daemonLog: join(data, 'daemon.log') };
}
