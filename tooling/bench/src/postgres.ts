import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A PostgreSQL server of our own, on a socket in its folder. */
export interface Postgres {
  folder: string;
  stop(): void;
}

/** Returns the folder of PostgreSQL's programs, if it is installed. */
function findPrograms(): string | undefined {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .map(version => join(versions, version, 'bin'))
    .find(bin => existsSync(join(bin, 'initdb')));
}

/** PostgreSQL refuses to run as root, so root starts it as `nobody`. */
const asUser = (): string[] =>
  process.getuid?.() === 0 ? ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'] : [];

/** Starts a server with PostgreSQL's own settings; undefined where there is none. */
export async function startPostgres(folder: string): Promise<Postgres | undefined> {
  const bin = findPrograms();
  if (bin === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  run([...asUser(), join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'bench']);
  const [file = '', ...args] = [
    ...asUser(),
    join(bin, 'postgres'),
    '-D',
    data,
    '-k',
    folder,
    '-c',
    'listen_addresses=',
  ];
  const server = spawn(file, args, { stdio: 'ignore' });
  for (let attempt = 0; ; attempt++) {
    try {
      run([join(bin, 'createdb'), '-h', folder, '-U', 'bench', 'lake']);
      return { folder, stop: () => server.kill('SIGINT') };
    } catch (error) {
      if (attempt > 50) throw error;
      await sleep(200);
    }
  }
}

function run([file = '', ...args]: string[]): void {
  execFileSync(file, args, { stdio: 'ignore' });
}
