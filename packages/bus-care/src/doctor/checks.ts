import { bus } from './checks/bus.js';
import { clock } from './checks/clock.js';
import { configuration } from './checks/configuration.js';
import { daemon } from './checks/daemon.js';
import { database } from './checks/database.js';
import { disk } from './checks/disk.js';
import { exports } from './checks/exports.js';
import { fileSystems } from './checks/file-systems.js';
import { jobs } from './checks/jobs.js';
import { journal } from './checks/journal.js';
import { leftovers } from './checks/leftovers.js';
import { permissions } from './checks/permissions.js';
import { rejected } from './checks/rejected.js';
import { rot } from './checks/rot.js';
import { tables } from './checks/tables.js';
import { versions } from './checks/versions.js';
import { writer } from './checks/writer.js';
import type { Check } from './guarded.js';

/** Checks that also work where no daemon has ever run, by the names in their findings. */
export const checksEverywhere: Record<string, Check> = {
  configuration,
  bus,
  permissions,
  'file-systems': fileSystems,
  disk,
  writer,
  versions,
};

/** Checks of a bus that a daemon has initialised. */
export const checksOfMadeBus: Record<string, Check> = {
  daemon,
  jobs,
  rejected,
  database,
  journal,
  rot,
  tables,
  exports,
  leftovers,
  clock,
};
