import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Postgres } from '@quantbot/bus-cluster';
import { query } from '@quantbot/bus-format/duckdb';
import { type ClusterConfig, findBusConfig } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { lakeAddress, openLake } from '@quantbot/storage/lake';
import { isInSample } from '@quantbot/tooling-config/campaign';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { type S3Server, startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { type CommandResult, runInProcess } from '@quantbot/tooling-testing/command-line';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { afterAll, beforeAll, describe, expect, onTestFinished, vi } from 'vitest';
import { hook, program, shiftedClock } from './program.js';

const extensions = duckdbExtensions();
if ('missing' in extensions) console.error(`SKIPPED: ${extensions.missing}`);

/** In `npm test`, a suite runs on s3:// on one day of 24; in the campaigns, always. */
const kindsOf = (name: string) => (versitygw !== undefined && isInSample(`${name} on s3`) ? ['file', 's3'] : ['file']);

/** Creates a new cluster on the servers of a suite. */
export type NewCluster = (settings?: object) => Promise<TestCluster>;

/** Runs a suite on each available kind of object store. A file of the campaigns tags its suites. */
export function describeClusters(
  name: string,
  suite: (newCluster: NewCluster, kind: string) => void,
  tagsOfFile: readonly string[] = [],
): void {
  for (const kind of kindsOf(name)) {
    const tags = kind === 's3' ? ['campaign'] : [...tagsOfFile];
    describe.skipIf('missing' in extensions)(`${name} on ${kind}://`, { tags }, () => {
      let server: PostgresServer;
      let s3: S3Server | undefined;
      const shared = sharedFolder();
      beforeAll(async () => {
        server = await startPostgres();
        if (kind === 's3') s3 = await startS3();
      });
      afterAll(async () => {
        await s3?.stop();
        await server.stop();
        await shared.remove();
      });
      suite(async settings => {
        const cluster = new TestCluster(await server.newDatabase(), shared.folder, s3);
        cluster.configure(settings);
        await cluster.done('cluster', 'init');
        return cluster;
      }, kind);
    });
  }
}

/** A cluster with a database, a prefix of objects and a folder of its own. */
export class TestCluster {
  readonly folder: string;
  readonly objects: string;
  readonly config: string;
  readonly pg: Postgres;
  readonly #postgres: string;
  readonly #env: Record<string, string>;

  constructor(postgres: string, shared: string, s3: S3Server | undefined) {
    const name = postgres.slice(postgres.lastIndexOf('/') + 1);
    this.#postgres = postgres;
    this.#env = s3?.env ?? {};
    this.folder = join(shared, name);
    const path = join(this.folder, 'objects');
    mkdirSync(path, { recursive: true });
    this.objects = s3 === undefined ? `file://${path}` : `s3://bus/${name}`;
    for (const [variable, value] of Object.entries(this.#env)) vi.stubEnv(variable, value);
    this.config = join(this.folder, 'bus_config.json');
    this.pg = new Postgres(postgres);
    onTestFinished(() => this.pg.close());
  }

  /** Writes `bus_config.json`. */
  configure(settings: object = {}, postgres = this.#postgres): void {
    const { folder: found } = extensions as { folder: string };
    const cluster = {
      postgres,
      objects: this.objects,
      extensions: found,
      work_dir: this.folder,
      lease_s: 2,
    };
    writeFileSync(this.config, JSON.stringify({ cluster, poll_interval_s: 0.1, log_level: 'warn', ...settings }));
  }

  /** The arguments may name another configuration. */
  #withConfig = (args: string[]): string[] => (args.includes('--config') ? args : [...args, '--config', this.config]);

  run(...args: string[]) {
    return startChild(process.execPath, [program, ...this.#withConfig(args)], this.folder, {
      NODE_OPTIONS: `--require ${hook}`,
    });
  }

  /** Starts a command that is killed if it gets to a fault point (infra's `faultPoint`). */
  runUntil(moment: string, ...args: string[]): Child {
    return startChild(process.execPath, [program, ...this.#withConfig(args)], this.folder, {
      NODE_OPTIONS: `--require ${hook}`,
      QUANTBOT_FAULT_POINT: moment,
    });
  }

  /** Runs a command in a process that is killed at a fault point. */
  async killedAt(moment: string, ...args: string[]): Promise<void> {
    const child = this.runUntil(moment, ...args);
    expect(await child.ended, child.stderr()).toEqual({ code: null, signal: 'SIGKILL' });
  }

  /** Runs a command in a process that freezes at a fault point, and waits until it is frozen. */
  async frozenAt(moment: string, ...args: string[]): Promise<Child> {
    const child = this.runUntil(`freeze:${moment}`, ...args);
    const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.[0];
    await expect.poll(state, { timeout: 30_000 }).toBe('T');
    return child;
  }

  /** Runs a command on a terminal of its own, and returns what it prints there. */
  async onTerminal(...args: string[]): Promise<string> {
    const spawn = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
    const command = [process.execPath, program, ...this.#withConfig(args)];
    const child = startChild('python3', ['-c', spawn, ...command], this.folder, {
      NODE_OPTIONS: `--require ${hook}`,
    });
    expect(await child.ended, child.stdout()).toEqual({ code: 0, signal: null });
    return child.stdout();
  }

  /** Runs a command in this process. */
  command(...args: string[]): Promise<CommandResult> {
    return runInProcess(this.#withConfig(args), this.folder, this.#env);
  }

  /** Runs a command, expects success, and returns its output. */
  async done(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  }

  start(...args: string[]) {
    return this.run('start', ...args);
  }

  /** Starts a daemon on a host whose clock is off. */
  startWithClock(minutes: number, ...args: string[]) {
    return startChild(process.execPath, [program, 'start', ...args, '--config', this.config], this.folder, {
      NODE_OPTIONS: `--require ${hook} --require ${shiftedClock}`,
      QUANTBOT_TEST_CLOCK_MINUTES: String(minutes),
    });
  }

  /** Opens the connection of a reader, with the lake as its database. */
  async reader(): Promise<Parameters<typeof query>[0]> {
    const { cluster } = findBusConfig({ config: this.config }).config;
    const lake = await openLake(await lakeAddress(cluster as ClusterConfig), { readOnly: true });
    onTestFinished(() => lake.close());
    await lake.connection.run('USE lake');
    return lake.connection;
  }

  /** Returns rows as a reader sees them. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return query(await this.reader(), sql);
  }

  async names(prefix: string): Promise<string[]> {
    return (await (await openObjects(this.objects)).list(prefix)).map(({ key }) => key);
  }

  /** Submits a file with one row, as a producer on any host would. */
  async submit(jobId: string, x: number | string | null, runId = jobId) {
    const parquetPath = join(this.folder, `${jobId}.parquet`);
    const type = typeof x === 'string' ? 'string' : 'int64';
    await writeSmallParquet(parquetPath, { columns: { x: { type, optional: x === null } }, rows: [{ x }] });
    return submitArtifact({
      busRoot: this.objects,
      jobId,
      runId,
      producer: 'p',
      kind: 'k',
      artifactId: 'a',
      schemaHint: 'canon.ticks',
      parquetPath,
    });
  }
}
