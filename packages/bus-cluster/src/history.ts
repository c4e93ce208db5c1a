import { daemonError } from '@quantbot/bus-format';
import type { TableNames } from '@quantbot/bus-format/canon';
import { type ColumnOf, type JournalRow, journalColumnKinds } from '@quantbot/bus-format/journal';
import { longTexts } from './journal.js';
import type { Postgres, Queries } from './postgres/postgres.js';
import { noteCondemned } from './removal.js';
import { rowFrom } from './row-from.js';
import { changesTable, operatedTables } from './table-operations.js';
import { writeJobs } from './write-jobs.js';

/** A row of the journal, and the seq of the rejection that its job retries (0: none). */
export type HistoryRow = JournalRow & { retry_of: number };

/** The columns of a {@link HistoryRow} in the order of a file. */
export const historyColumns: readonly ColumnOf<HistoryRow>[] = [...journalColumnKinds, ['retry_of', 'int64']];

/** Returns the rows of jobs from one seq to another, in order. */
export async function historyBetween(queries: Queries, first: number, last: number): Promise<HistoryRow[]> {
  const rows = await queries.query(
    `SELECT journal.*, jobs.retry_of FROM bus.journal JOIN bus.jobs USING (seq)
     WHERE seq BETWEEN $1 AND $2 ORDER BY seq, ordinal`,
    [first, last],
  );
  return rows.map(row => ({ ...rowFrom(row), retry_of: row.retry_of as number }));
}

/** Limits of a fragment of jobs that were committed elsewhere. */
const maxJobs = 256;
const maxBytes = 256 * 1024 * 1024;

/**
 * Appends jobs that were committed elsewhere, and keeps their seqs. Each call is one transaction,
 * and continues at the end of the journal. The jobs count as settled.
 *
 * @param rows all rows of these jobs, in order, without a gap.
 * @throws DaemonError `JOURNAL_BUSY` if the journal does not end just before them.
 */
export async function appendHistory(postgres: Postgres, rows: readonly HistoryRow[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  await postgres.transaction(async queries => {
    const [head] = await queries.query<{ seq: number }>('SELECT seq FROM bus.head FOR UPDATE');
    if (head?.seq !== first.seq - 1)
      throw daemonError(
        'JOURNAL_BUSY',
        `The journal ends at seq ${head?.seq}, and not before seq ${first.seq}: another program writes to it.`,
      );
    const retryOf = new Map(rows.map(row => [row.claim, row.retry_of]));
    for (const part of partsOf(rows)) {
      const { names } = await operatedTables(queries);
      await writeJobs(queries, part, { tables: tablesOf(part, names), retryOf, isPast: true });
    }
    // A daemon of the database before may be about to remove what they have forgotten.
    await noteCondemned(queries, rows.at(-1)?.seq ?? 0);
  });
}

/**
 * Splits rows into commits, which become fragments: a few jobs, and not too many bytes. A job that
 * forgets artifacts or changes a table is a commit of its own.
 */
export function partsOf(rows: readonly HistoryRow[]): HistoryRow[][] {
  const parts: HistoryRow[][] = [];
  let bytes = 0;
  let firstSeq = 0;
  const alone = new Set(rows.flatMap(row => (isGone(row.status) || changesTable(row) ? [row.seq] : [])));
  for (const row of rows) {
    const part = parts.at(-1);
    const isNewJob = part?.at(-1)?.seq !== row.seq;
    const isAlone = alone.has(row.seq) || alone.has(part?.at(-1)?.seq ?? 0);
    if (part === undefined || (isNewJob && (isAlone || bytes > maxBytes || row.seq - firstSeq >= maxJobs))) {
      parts.push([row]);
      bytes = 0;
      firstSeq = row.seq;
    } else part.push(row);
    bytes += isGone(row.status) ? 0 : (row.bytes ?? 0) + textOf(row);
  }
  return parts;
}

const textOf = (row: HistoryRow): number => longTexts.reduce((sum, column) => sum + (row[column]?.length ?? 0), 0);

const isGone = (status: JournalRow['status']): boolean => status === 'forgotten' || status === 'erased';

const tablesOf = (rows: readonly HistoryRow[], names: TableNames): string[] => [
  ...new Set(
    rows.flatMap(({ status, schema_hint, seq }) =>
      status === 'ingested' ? (names.tableOf(schema_hint, seq) ?? []) : [],
    ),
  ),
];
