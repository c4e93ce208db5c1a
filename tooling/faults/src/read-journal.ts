import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { JournalRow } from './fates.js';

/** Runs a SELECT and returns its rows. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** Opens a database, read-only unless it is in memory, and closes it after the work. */
export async function withDuckDb(path: string, work: (query: Query) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(path, path === ':memory:' ? {} : { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    await work(async sql => (await connection.runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const columns = [
  'seq',
  'ordinal',
  'status',
  'job_id',
  'producer',
  'kind',
  'artifact_id',
  'artifact_key',
  'rel_path',
  'rows',
  'bytes',
  'sha256',
  'schema_hint',
  'inputs',
];

/** Returns all rows: those of the widest segments, then those of later commits in `hot/`. */
export async function readJournal(bus: string, query: Query, problems: string[]): Promise<JournalRow[]> {
  const segments = readdirSync(join(bus, 'journal/segments'))
    .map(name => ({ name, first: Number(name.slice(0, 12)), last: Number(name.slice(13, 25)) }))
    .sort((a, b) => a.first - b.first || b.last - a.last);
  const live: typeof segments = [];
  for (const segment of segments) if (segment.last > (live.at(-1)?.last ?? 0)) live.push(segment);
  const compacted = live.at(-1)?.last ?? 0;
  const hot = readdirSync(join(bus, 'journal/hot')).filter(name => Number(name) > compacted);
  const files = [
    ...live.map(segment => join(bus, 'journal/segments', segment.name)),
    ...hot.map(name => join(bus, 'journal/hot', name, 'commit.parquet')),
  ];
  if (files.length === 0) return [];
  const rows = await query(
    `SELECT ${columns.join()} FROM read_parquet([${files.map(f => `'${f}'`).join()}], union_by_name = true) ORDER BY seq, ordinal`,
  );
  const journal = rows.map(row => ({
    ...row,
    seq: Number(row.seq),
    ordinal: Number(row.ordinal),
    rows: row.rows === null ? null : Number(row.rows),
    bytes: row.bytes === null ? null : Number(row.bytes),
  })) as JournalRow[];
  const seqs = [...new Set(journal.map(row => row.seq))];
  if (seqs.some((seq, index) => seq !== index + 1)) problems.push(`journal: seq has a gap: ${seqs.slice(0, 20)}…`);
  const positions = new Set(journal.map(row => `${row.seq}-${row.ordinal}`));
  if (positions.size !== journal.length) problems.push('journal: a row is there twice');
  return journal;
}
