import { parquetWriteBuffer } from 'hyparquet-writer';
import { type JournalRow, journalColumnKinds } from './row.js';
import { sealBytes, sealMetadata } from './seal.js';

/**
 * The rows of one commit as the bytes of a Parquet file, sealed. Written in JavaScript: half a
 * millisecond, where a COPY of DuckDB takes five to nine.
 */
export function commitFile(rows: readonly JournalRow[]): Uint8Array {
  const columnData = journalColumnKinds.map(([name, kind]) => ({
    name,
    type: kind === 'string' ? ('STRING' as const) : kind === 'int64' ? ('INT64' as const) : ('TIMESTAMP' as const),
    nullable: true,
    data: rows.map(row => encode(row[name], kind)),
  }));
  const kvMetadata = Object.entries({ 'quantbot.journal': '1', ...sealMetadata }).map(([key, value]) => ({
    key,
    value,
  }));
  // No reader skips a part of so few rows by their statistics, which take as long as the rest of a
  // commit of one job.
  return sealBytes(new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata, statistics: false })));
}

function encode(value: string | number | null, kind: 'int64' | 'string' | 'timestamp'): string | bigint | Date | null {
  if (value === null || typeof value === 'string') return value;
  return kind === 'timestamp' ? new Date(value) : BigInt(value);
}
