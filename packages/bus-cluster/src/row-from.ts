import { type JournalRow, journalColumnKinds } from '@quantbot/bus-format/journal';
import type { PgRow } from './postgres/postgres.js';

/** Converts a row of PostgreSQL into a row of the journal. */
export const rowFrom = (row: PgRow): JournalRow =>
  Object.fromEntries(
    journalColumnKinds.map(([name, kind]) => {
      const value = row[name];
      return [name, kind === 'timestamp' && value != null ? Date.parse(`${String(value).replace(' ', 'T')}Z`) : value];
    }),
  ) as JournalRow;
