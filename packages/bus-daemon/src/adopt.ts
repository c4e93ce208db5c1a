import { type AdoptionReport, type AdoptOptions, adopt as adoptWith } from '@quantbot/bus-migrate/adopt';
import type { BusConfig } from '@quantbot/infra/config';
import { drainUnlessRunning } from './drain.js';

/**
 * Makes artifacts and canonical tables of the tables of an existing database. Can be ended at any
 * moment and run again: it goes on where it was. All tables come as one job, so that there is never
 * a half of them in the bus.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE`, `OLD_DATABASE_UNMERGED`, `OLD_DATABASE_LOCKED`,
 * `TABLE_NOT_FOUND`, `ADOPTION_BLOCKED`, `ADOPTION_CHANGED`, `ADOPTION_MISMATCH`,
 * `ADOPTION_UNPUBLISHED`; JobRejectedError.
 */
export const adopt = (config: BusConfig, database: string, options: AdoptOptions): Promise<AdoptionReport> =>
  adoptWith(config, database, { ...options, settleWaiting: drainUnlessRunning });
