import { randomBytes } from 'node:crypto';
import type { BusConfig, BusLayout, BusMarker, Logger } from '@quantbot/infra';
import type { TableRegistry } from './canon/registry.js';
import type { Journal } from './journal/journal.js';
import type { WorkerProcess } from './worker/client.js';

/** What every stage works on. Only clock and ids are injected, for tests. */
export interface Bus {
  config: BusConfig;
  layout: BusLayout;
  marker: BusMarker;
  logger: Logger;
  journal: Journal;
  /** The canonical tables as of the last commit. */
  tables: TableRegistry;
  /** Reads what nobody has vouched for, so that a crash of DuckDB is not the daemon's. */
  inspector: WorkerProcess;
  now(): number;
  newClaim(): string;
}

/** A claim id: 16 hexadecimal digits. */
export const randomClaim = (): string => randomBytes(8).toString('hex');
