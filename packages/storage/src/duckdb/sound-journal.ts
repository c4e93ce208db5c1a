import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { liveJournalFiles, rottenJournalFiles } from '@quantbot/bus-format/seals';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';
import { storageError } from '../errors.js';

const checks = new Map<string, () => Promise<void>>();

/**
 * Returns a check to run before each query of a published database: the files of its journal are
 * as the daemon wrote them. DuckDB does not compare checksums. The check reads each file once in a
 * process, and afterwards looks only whether files have come.
 *
 * @param catalog the name of the attached database, or undefined for the opened one.
 * @returns undefined if the database is not one of a bus.
 */
export async function journalCheckOf(
  connection: DuckDBConnection,
  catalog?: string,
): Promise<(() => Promise<void>) | undefined> {
  const from = catalog === undefined ? 'catalog.bus_info' : `${catalog}.catalog.bus_info`;
  const rows = await connection.runAndReadAll(`SELECT bus_root FROM ${from}`).catch(() => undefined);
  const root = rows?.getRowsJson()[0]?.[0];
  if (typeof root !== 'string') return undefined;
  const known = checks.get(root) ?? checkJournal(busLayout(root));
  checks.set(root, known);
  return known;
}

/** Returns the check of one journal. It throws StorageError `JOURNAL_DAMAGED` naming the files. */
function checkJournal(layout: BusLayout): () => Promise<void> {
  let sound = new Set<string>();
  let seen: string | undefined;
  return async () => {
    try {
      const state = stateOf(layout);
      if (state === seen) return;
      const live = await liveJournalFiles(layout);
      const fresh = live.filter(path => !sound.has(path));
      const rotten = await rottenJournalFiles(layout, fresh);
      if (rotten.length > 0) throw damaged(layout, rotten);
      sound = new Set(live);
      seen = state;
    } catch (error) {
      // Who may not list or read these files gets the error of the query.
      if (systemErrorCode(error) === undefined) throw error;
    }
  };
}

/** Changes when a file comes to the journal or leaves it. */
const stateOf = ({ hot, segments }: BusLayout): string =>
  [hot, segments].map(folder => statSync(folder, { bigint: true }).mtimeNs).join();

const damaged = ({ journal }: BusLayout, paths: readonly string[]) =>
  storageError(
    'JOURNAL_DAMAGED',
    `${paths.map(path => join(journal, path)).join(', ')}: the checksum does not match, so the answer might be wrong.`,
  );
