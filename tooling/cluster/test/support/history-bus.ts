import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, startDaemon } from '@quantbot/bus-daemon';
import { createLogger, initBusRoot } from '@quantbot/infra';
import { submitOperation } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { openCatalog } from '@quantbot/storage';
import type { Op } from '@quantbot/tooling-testing/bus-model';
import type { CommandResult } from '@quantbot/tooling-testing/command-line';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect } from 'vitest';
import type { NewCluster, TestCluster } from './cluster.js';
import { machineBeside } from './machine.js';

/** Settings that give each name of the table the same export. */
function settingsOf({ isDataset }: Start): Record<string, object | number> {
  const table = isDataset ? { layout: 'dataset', part_rows: 4 } : {};
  const tables = { t: table, u: table, v: table };
  return {
    poll_interval_s: 0.05,
    compaction: { release_grace_s: 0 },
    export: { min_interval_s: 0, max_share: 1, tables },
  };
}

/** How a history begins. */
export interface Start {
  isCluster: boolean;
  /** Whether the table is exported as a dataset. */
  isDataset: boolean;
}

/** Where a bus is: in a cluster, or on one machine. */
interface Place {
  config: string;
  root: string;
  cluster: TestCluster | undefined;
}

/** A bus that can move from one machine into a cluster, and back. */
export class HistoryBus {
  readonly #newCluster: () => Promise<TestCluster>;
  readonly #settings: Record<string, object | number>;
  /** The first cluster, in whose folder all commands run. */
  readonly #home: TestCluster;
  #place: Place;
  #machines = 0;

  private constructor(newCluster: NewCluster, home: TestCluster, settings: Record<string, object | number>) {
    this.#newCluster = () => newCluster(settings);
    this.#settings = settings;
    this.#home = home;
    this.#place = placeOf(home);
  }

  static async begin(newCluster: NewCluster, start: Start): Promise<HistoryBus> {
    const settings = settingsOf(start);
    const bus = new HistoryBus(newCluster, await newCluster(settings), settings);
    if (!start.isCluster) {
      bus.#place = await bus.#newPlace(false);
      await initBusRoot(bus.root);
      await bus.done('start', '--drain'); // so that it can be read
    }
    return bus;
  }

  async #newPlace(isCluster: boolean): Promise<Place> {
    if (isCluster) return placeOf(await this.#newCluster());
    return { ...machineBeside(this.#home, `machine-${++this.#machines}`, this.#settings), cluster: undefined };
  }

  get root(): string {
    return this.#place.root;
  }

  get cluster(): TestCluster | undefined {
    return this.#place.cluster;
  }

  /** A folder for files of producers. */
  get produced(): string {
    return join(this.#home.folder, 'produced');
  }

  command(...args: string[]): Promise<CommandResult> {
    return this.#home.command(...args, '--config', this.#place.config);
  }

  async done(...args: string[]): Promise<string> {
    return this.#home.done(...args, '--config', this.#place.config);
  }

  /** Settles the jobs in a process that is killed at a fault point, if it gets there. */
  async drainUntil(moment: string): Promise<void> {
    const child = this.#home.runUntil(moment, 'start', '--drain', '--config', this.#place.config);
    const { code, signal } = await child.ended;
    expect(signal ?? code, child.stderr()).toBeOneOf(['SIGKILL', 0]);
  }

  /** Runs daemons in this process until something is so; one on one machine. None logs an error. */
  async runDaemons(most: number, isSo: () => Promise<boolean>): Promise<void> {
    const count = this.cluster === undefined ? 1 : most;
    const { config } = findBusConfig({ config: this.#place.config });
    const errors: string[] = [];
    const logger = createLogger({ name: 'test', level: 'error', write: line => errors.push(line) });
    const daemons: Daemon[] = [];
    try {
      for (let i = 0; i < count; i++) daemons.push(await startDaemon({ config, logger }));
      await eventually(isSo, Boolean, 240_000);
    } finally {
      for (const daemon of daemons) await daemon.stop();
    }
    expect(errors).toEqual([]);
  }

  /** Submits an operation, and returns the id of its job. */
  async operate(op: Op): Promise<string> {
    const whole = op.type === 'alias' ? op : { ...op, reason: null, by: null };
    return (await submitOperation(whole, { busRoot: this.root })).jobId;
  }

  async loseDatabase({ pg }: TestCluster): Promise<void> {
    await pg.query('DROP SCHEMA bus CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  }

  /** Moves the bus from one machine into a cluster, or back. */
  async move(): Promise<CommandResult> {
    const target = await this.#newPlace(this.cluster === undefined);
    const result = await eventually(
      () => this.command('move', '--to', target.config),
      // A daemon that was killed holds its lease for a while.
      ({ stderr }) => !stderr.includes('MOVE_SOURCE_RUNS'),
    );
    if (result.code === 0) this.#place = target;
    return result;
  }

  /** Goes on with a backup, if the bus is on one machine. */
  async goOnWithBackup(): Promise<void> {
    if (this.cluster !== undefined) return;
    const copy = await this.#newPlace(false);
    await this.done('backup', copy.root);
    this.#place = copy;
    await this.done('start', '--drain');
  }

  async receipt(job: string): Promise<Record<string, unknown>> {
    const bytes =
      this.cluster === undefined
        ? await readFile(join(this.root, 'processed', job, 'RECEIPT.json'))
        : await (await openObjects(this.root)).read(`receipts/${job}.json`, 1_000_000);
    return JSON.parse(String(bytes));
  }

  catalog() {
    return openCatalog({ config: this.#place.config });
  }
}

const placeOf = (cluster: TestCluster): Place => ({ config: cluster.config, root: cluster.objects, cluster });
