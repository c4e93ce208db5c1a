import { type ChildProcess, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.js';
import { chownToServer, end, initData, installPrograms, startServer } from './postgres-programs.js';

const settings = ['fsync=off', 'wal_keep_size=512', 'wal_receiver_status_interval=1'];

interface Instance {
  process: ChildProcess;
  port: number;
  data: string;
}

/**
 * A PostgreSQL server with a synchronous streaming replica. While the replica is connected, both
 * have every acknowledged commit.
 */
export class ReplicatedPostgres {
  readonly #folder: string;
  readonly #programs: string;
  #primary: Instance;
  #standby: Instance | undefined;
  #made = 0;

  private constructor(folder: string, programs: string, primary: Instance) {
    this.#folder = folder;
    this.#programs = programs;
    this.#primary = primary;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'quantbot-postgres-'));
    const programs = installPrograms(folder);
    const data = join(folder, 'data');
    initData(programs, data);
    appendFileSync(
      join(data, 'pg_hba.conf'),
      'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n',
    );
    const port = await freePort();
    const process = await startServer({ programs, data, port, log: join(folder, 'log'), settings });
    return new ReplicatedPostgres(folder, programs, { process, port, data });
  }

  /** The port of the primary server. */
  get port(): number {
    return this.#primary.port;
  }

  async query(sql: string, database = 'postgres', port = this.port): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(`postgres://postgres@127.0.0.1:${port}/${database}`);
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** Copies the running server, starts the copy as its replica, and waits until it is in sync. */
  async addStandby(): Promise<void> {
    const data = join(this.#folder, `data-${++this.#made}`);
    const from = new pg.Client(`postgres://postgres@127.0.0.1:${this.port}/postgres`);
    from.on('error', () => {});
    await from.connect();
    try {
      await from.query(`SELECT pg_backup_start('standby', fast => true)`);
      spawnSync('cp', ['-a', this.#primary.data, data]); // files may change during the copy: the WAL has the changes
      const { rows } = await from.query('SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)');
      writeFileSync(join(data, 'backup_label'), rows[0].labelfile);
    } finally {
      await from.end().catch(() => {});
    }
    for (const name of ['postmaster.pid', 'postmaster.opts', 'pg_wal'])
      rmSync(join(data, name), { recursive: true, force: true });
    mkdirSync(join(data, 'pg_wal', 'archive_status'), { recursive: true, mode: 0o700 });
    writeFileSync(join(data, 'standby.signal'), '');
    appendFileSync(
      join(data, 'postgresql.auto.conf'),
      `\nprimary_conninfo = 'host=127.0.0.1 port=${this.port} user=postgres'\nsynchronous_standby_names = ''\n`,
    );
    chownToServer(data);
    const port = await freePort();
    const process = await startServer({
      programs: this.#programs,
      data,
      port,
      log: join(this.#folder, 'log'),
      settings,
    });
    this.#standby = { process, port, data };
    await this.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await this.query('SELECT pg_reload_conf()');
    while (!(await this.isInStep())) await sleep(50);
  }

  /** Whether the replica is in sync, so that it has everything acknowledged from now on. */
  async isInStep(): Promise<boolean> {
    const rows = await this.query(`SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`).catch(() => []);
    return this.#standby !== undefined && rows.length > 0;
  }

  /** Crashes the server and restarts it. */
  async restart(pauseMs: number): Promise<void> {
    await end(this.#primary.process, 'SIGQUIT');
    await sleep(pauseMs);
    const { data, port } = this.#primary;
    this.#primary.process = await startServer({
      programs: this.#programs,
      data,
      port,
      log: join(this.#folder, 'log'),
      settings,
    });
  }

  /** Destroys the primary server, and promotes its replica. */
  async promote(): Promise<void> {
    const next = this.#standby;
    if (next === undefined) throw new Error('There is no replica.');
    await end(this.#primary.process, 'SIGQUIT');
    rmSync(this.#primary.data, { recursive: true, force: true });
    await this.query('SELECT pg_promote()', 'postgres', next.port);
    this.#primary = next;
    this.#standby = undefined;
  }

  async stop(): Promise<void> {
    for (const server of [this.#standby, this.#primary]) if (server !== undefined) await end(server.process, 'SIGQUIT');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
