import { daemonError } from '@quantbot/bus-format';
import { type AdoptionRecord, type FileIdentity, isSameFile, listRecords } from '@quantbot/bus-format/state';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { jobIdOf, whereIs } from './submit-tables.js';

/** The earlier runs for a database. */
export interface EarlierRuns {
  /** Runs for this very file. */
  known: AdoptionRecord[];
  /** Runs for an older state of the file that put nothing into the bus. */
  stale: AdoptionRecord[];
  /** Runs for an older state whose tables are in the bus, while the file stayed in use. */
  earlier: AdoptionRecord[];
}

/**
 * Finds the earlier runs for a database.
 *
 * @throws DaemonError `ADOPTION_CHANGED` if the bus has rows of an older state.
 */
export async function recordsOf(config: BusConfig, path: string, identity: FileIdentity): Promise<EarlierRuns> {
  const runs: EarlierRuns = { known: [], stale: [], earlier: [] };
  for (const record of await listRecords(busLayout(config.busRoot))) {
    const same = isSameFile(record, identity);
    if (!same && record.source !== path) continue;
    if (!same && record.phase === 'done') {
      runs.earlier.push(record);
      continue;
    }
    const isGone = record.phase === 'submitting' && (await whereIs(config, record)) === 'none';
    if (same) runs.known.push(isGone ? { ...record, phase: 'copying' } : record);
    else if (record.phase === 'copying' || isGone) runs.stale.push(record);
    else throw daemonError('ADOPTION_CHANGED', `${path} changed after its rows were copied (${jobIdOf(record)}).`);
  }
  return runs;
}
