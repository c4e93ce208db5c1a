import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { endWithUs } from '@quantbot/tooling-servers/end-with-us';
import { ReplicatedPostgres } from '@quantbot/tooling-servers/replicated-postgres';
import { type S3Server, startS3 } from '@quantbot/tooling-servers/s3';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { built } from '../built.js';
import { tables } from '../tables.js';
import { type Host, makeHost, whyNoNamespaces } from './hosts.js';
import { Link } from './link.js';
import { clusterMutants } from './mutants.js';

const require = createRequire(import.meta.url);
const daemonCli = join(dirname(require.resolve('@quantbot/bus-daemon/package.json')), 'dist/cli.js');
const hook = require.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions');

const database = 'bus';

/** A daemon on a host of its own, with its ways to the two servers. */
export interface Member {
  index: number;
  host: Host;
  postgres: Link;
  objects: Link | undefined;
  config: string;
  process: ChildProcess | undefined;
}

/** What is made for a campaign. */
export interface WorldOptions {
  objects: 'file' | 's3';
  daemons?: number;
  leaseS?: number;
  /** A sabotaged step of the daemons (see mutant.ts). */
  mutant?: string | undefined;
  /** Without a replica there are no promotions. */
  withReplica?: boolean;
}

/** A supervisor starts a daemon again after this. */
const restartMs = 300;

/** PostgreSQL with its replica, an object store, and daemons on hosts of their own. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'quantbot-cluster-'));
  readonly members: Member[] = [];
  readonly options: WorldOptions;
  readonly inNamespaces = whyNoNamespaces() === undefined;
  readonly ledger = join(this.folder, 'ledger.jsonl');
  /** The root of the objects for those whom no fault hits. */
  root = '';
  /** The folder behind it. */
  objectsFolder = join(this.folder, 'objects');
  postgres!: ReplicatedPostgres;
  s3: S3Server | undefined;
  /** The way of readers, which follows a promotion. */
  readers!: Link;
  /** Daemons that ended by themselves. */
  readonly ended: string[] = [];
  #isClosed = false;
  readonly #producers = new Set<ChildProcess>();

  private constructor(options: WorldOptions) {
    this.options = options;
  }

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    try {
      await world.#open();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { objects, daemons = 3 } = this.options;
    this.postgres = await ReplicatedPostgres.start();
    await this.postgres.query(`CREATE DATABASE ${database}`);
    this.readers = await Link.open(() => this.postgres.port);
    if (objects === 's3') {
      this.s3 = await startS3();
      this.objectsFolder = join(this.s3.folder, 'bus/data');
      this.root = 's3://bus/data';
    } else this.root = `file://${this.objectsFolder}`;
    mkdirSync(this.objectsFolder, { recursive: true });
    for (let index = 0; index < daemons; index++) await this.#addMember(index);
    await this.#run(this.members[0] as Member, 'cluster', 'init');
    for (const statement of clusterMutants[this.options.mutant ?? '']?.without ?? [])
      await this.postgres.query(statement, database);
    if (this.options.withReplica ?? true) await this.postgres.addStandby();
  }

  async #addMember(index: number): Promise<void> {
    const host = makeHost(index, this.inNamespaces);
    const postgres = await Link.open(() => this.postgres.port);
    const { s3 } = this;
    const objects = s3 && (await Link.open(() => s3.port));
    const config = join(this.folder, `daemon-${index}.json`);
    const extensions = duckdbExtensions();
    if ('missing' in extensions) throw new Error(extensions.missing);
    writeFileSync(
      config,
      JSON.stringify({
        cluster: {
          postgres: `postgres://postgres@${host.postgres}:${postgres.port}/${database}`,
          objects: this.root,
          ...(objects && { s3: { endpoint: `http://${host.objects}:${objects.port}`, path_style: true } }),
          extensions: extensions.folder,
          work_dir: this.folder,
          lease_s: this.options.leaseS ?? 1,
        },
        poll_interval_s: 0.1,
        batch: { max_jobs: 16 },
        compaction: { release_grace_s: 1 },
        canon: { tables: { marks: { mode: 'latest' }, books: { mode: 'upsert', key: [tables.books.key] } } },
      }),
    );
    this.members.push({ index, host, postgres, objects, config, process: undefined });
  }

  /** The URL of the database for those whom no fault hits. */
  get readersUrl(): string {
    return `postgres://postgres@127.0.0.1:${this.readers.port}/${database}`;
  }

  #spawn(command: readonly string[], log: string, more: NodeJS.ProcessEnv = {}): ChildProcess {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...process.env, QUANTBOT_LOG_LEVEL: 'info', ...this.s3?.env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(child);
    const file = createWriteStream(join(this.folder, log), { flags: 'a' });
    child.stderr?.pipe(file);
    child.stdout?.pipe(file);
    return child;
  }

  #command(member: Member, ...args: string[]): ChildProcess {
    const { mutant } = this.options;
    const command = [...member.host.prefix, process.execPath, daemonCli, ...args, '--config', member.config];
    const sabotage = mutant === undefined ? '' : ` --import ${pathToFileURL(built('cluster-mutant')).href}`;
    return this.#spawn(command, `daemon-${member.index}.log`, {
      NODE_OPTIONS: `--require ${hook}${sabotage}`,
      ...(mutant !== undefined && { QUANTBOT_MUTANT: mutant }),
      // A daemon meets the servers through its link only.
      AWS_ENDPOINT_URL_S3: undefined,
    });
  }

  async #run(member: Member, ...args: string[]): Promise<void> {
    const child = this.#command(member, ...args);
    await ended(child);
    if (child.exitCode !== 0)
      throw new Error(`${args.join(' ')} failed: see ${this.folder}/daemon-${member.index}.log`);
  }

  /**
   * Starts a daemon, and again when it could not begin, as a supervisor does: PostgreSQL may be
   * away at that moment. Does nothing while the daemon runs: two faults may have killed it
   * together.
   */
  start(member: Member): void {
    if (member.process !== undefined && !isEnded(member.process)) return;
    const child = this.#command(member, 'start');
    let isReady = false;
    child.stderr?.on('data', (text: Buffer) => {
      isReady ||= text.includes('bus daemon ready');
    });
    child.once('close', code => {
      if (isReady && code) this.ended.push(`daemon ${member.index} ended by itself with exit code ${code}`);
      // A fault may have started another meanwhile, or all of it has ended.
      const isOurs = () => member.process === child && !this.#isClosed;
      if (code) setTimeout(() => isOurs() && this.start(member), restartMs);
    });
    member.process = child;
  }

  async kill(member: Member, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = member.process;
    if (child === undefined || isEnded(child)) return;
    const end = ended(child);
    child.kill(signal);
    await end;
  }

  startProducer(name: string, seed: number, { pauseMs, jobs }: { pauseMs: number; jobs: number }): ChildProcess {
    const args = [built('cluster-producer'), this.root, this.ledger, join(this.folder, 'files'), this.objectsFolder];
    const child = this.#spawn(
      [process.execPath, ...args, name, String(seed), String(pauseMs), String(jobs)],
      'producers.log',
    );
    this.#producers.add(child);
    return child;
  }

  /** Lets the producers finish the job that each has in hand. */
  async stopProducers(): Promise<void> {
    for (const child of this.#producers) {
      const end = ended(child);
      child.kill('SIGTERM');
      await end;
    }
    this.#producers.clear();
  }

  /** How many submissions wait. */
  entriesOfInbox(): number {
    const folder = join(this.objectsFolder, 'inbox');
    return existsSync(folder) ? readdirSync(folder).filter(name => !name.startsWith('.')).length : 0;
  }

  /** Ends everything, and removes the folder unless it is to be looked at. */
  async close({ keep = false } = {}): Promise<void> {
    this.#isClosed = true;
    for (const child of [...this.#producers, ...this.members.flatMap(({ process }) => process ?? [])])
      child.kill('SIGKILL');
    for (const { host, postgres, objects } of this.members) {
      postgres.close();
      objects?.close();
      host.remove();
    }
    this.readers?.close();
    await this.s3?.stop();
    await this.postgres?.stop();
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}

const isEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** Resolves when a process has ended. */
export const ended = (child: ChildProcess): Promise<void> =>
  new Promise(resolve => (isEnded(child) ? resolve() : child.once('close', () => resolve())));
