import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.js';
import { end, initData, installPrograms, requireTls, startServer } from './postgres-programs.js';

/** A PostgreSQL server for a test. */
export interface PostgresServer {
  port: number;
  /** Creates an empty database and returns its URL. */
  newDatabase(): Promise<string>;
  /** Stops the server at once, like a crash, and starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a server with an empty data folder.
 *
 * @param options.tls a key and its certificate. If given, connections to any database but
 * `postgres` must be encrypted.
 */
export async function startPostgres({ tls }: { tls?: { key: string; cert: string } } = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-postgres-'));
  const programs = installPrograms(folder);
  const data = join(folder, 'data');
  initData(programs, data);
  const settings = tls === undefined ? [] : requireTls(data, tls);
  const port = await freePort();
  const begin = () => startServer({ programs, data, port, log: join(folder, 'log'), settings });
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
