import { type BusConfig, busLayout } from '@quantbot/infra';
import { daemonError } from '../errors.js';
import { type FileIdentity, isSameFile } from './old-database.js';
import { type AdoptionRecord, listRecords } from './record.js';
import { jobIdOf, whereIs } from './submit-tables.js';

/**
 * The earlier runs that have to do with a database: those of this very file, those of an older state of it of which nothing is in the bus, and
 * those that are done with an older state.
 *
 * @throws DaemonError `ADOPTION_CHANGED` when rows of an older state are in the bus.
 */
export async function recordsOf(
  config: BusConfig,
  path: string,
  identity: FileIdentity,
): Promise<{ known: AdoptionRecord[]; stale: AdoptionRecord[]; past: AdoptionRecord[] }> {
  const known: AdoptionRecord[] = [];
  const stale: AdoptionRecord[] = [];
  const past: AdoptionRecord[] = [];
  for (const record of await listRecords(busLayout(config.busRoot))) {
    const same = isSameFile(record, identity);
    if (!same && record.source !== path) continue;
    if (!same && record.phase === 'done') {
      past.push(record);
      continue;
    }
    const isGone = record.phase === 'submitting' && (await whereIs(config, record)) === 'none';
    if (same) known.push(isGone ? { ...record, phase: 'copying' } : record);
    else if (record.phase === 'copying' || isGone) stale.push(record);
    else
      throw daemonError('ADOPTION_CHANGED', `${path} was written into after its rows were taken (${jobIdOf(record)}).`);
  }
  return { known, stale, past };
}
