import { type AdoptionReport, type AdoptOptions, adopt as adoptWith } from '@quantbot/bus-migrate/adopt';
import type { BusConfig } from '@quantbot/infra/config';
import { drainUnlessRunning } from './drain.js';

/**
 * Turns the tables of an existing database into artifacts and canonical tables. It can be
 * interrupted at any moment and run again: it continues where it stopped. All tables come in one
 * job, so the bus has either all of them or none.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE`, `OLD_DATABASE_UNMERGED`, `OLD_DATABASE_LOCKED`,
 * `TABLE_NOT_FOUND`, `ADOPTION_BLOCKED`, `ADOPTION_CHANGED`, `ADOPTION_MISMATCH`,
 * `ADOPTION_UNPUBLISHED`; JobRejectedError.
 */
export const adopt = (config: BusConfig, database: string, options: AdoptOptions): Promise<AdoptionReport> =>
  adoptWith(config, database, { ...options, settleWaiting: drainUnlessRunning });
