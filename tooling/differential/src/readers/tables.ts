import { DuckDBInstance } from '@duckdb/node-api';
import type { CampaignBus } from '../bus.js';
import { asBindingTells } from '../canonical.js';
import type { Subject } from '../corpus.js';
import { queryColumns } from '../from-duckdb.js';
import { type Report, textOf } from '../report.js';

/** Compares each table of the published database with its file. */
export async function compareTables(
  bus: CampaignBus,
  subjects: readonly Subject[],
  reader: string,
  report: Report,
): Promise<void> {
  const instance = await DuckDBInstance.create(bus.duckdbPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    for (const subject of subjects) {
      try {
        const sql = `SELECT * EXCLUDE (_seq, _artifact_key) FROM canon.${subject.table}`;
        compareColumns(subject, await queryColumns(connection, sql), reader, report);
      } catch (error) {
        failed(subject, reader, error, report);
      }
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Compares columns by position: first the names, then the values. */
export function compareColumns(
  { case: found, columns }: Subject,
  got: readonly { name: string; type: unknown; values: unknown[] }[],
  reader: string,
  report: Report,
  { throughBinding = true } = {},
): void {
  const about = { case: found, column: '', type: '', reader };
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
  report.compare({ ...about, column: '(names)' }, names(columns), names(got));
  for (const [index, column] of columns.entries()) {
    const values = throughBinding ? column.values.map(asBindingTells) : column.values;
    report.compare(
      { ...about, column: column.name, type: `${column.type}, here ${got[index]?.type}` },
      values,
      got[index]?.values ?? [],
    );
  }
}

/** Reports a reader that failed on a whole file. */
export function failed(subject: Subject, reader: string, error: unknown, report: Report): void {
  report.differ({ case: subject.case, column: '(all)', type: '', reader, expected: 'values', got: textOf(error) });
}
