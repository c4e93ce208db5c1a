import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBType } from '@duckdb/node-api';
import { visible } from '@quantbot/infra/visible';
import type { CampaignBus } from '../bus.js';
import type { Canonical } from '../canonical.js';
import { describedColumns, type Subject } from '../corpus.js';
import { asJson, type Json } from '../expected/as-json.js';
import { NotRepresentable } from '../expected/as-read.js';
import { asText, nestedText } from '../expected/as-text.js';
import type { Report } from '../report.js';
import { parseCsv } from './csv.js';
import { failed } from './tables.js';

const tablesAtOnce = 40;

/** A column of a wide query over several tables. */
interface AskedColumn {
  subject: Subject;
  index: number;
  name: string;
  type: DuckDBType;
  /** DuckDB's own text of each value that it can cast. */
  texts: (string | null)[];
}

interface Question {
  sql: string;
  rows: number;
  columns: AskedColumn[];
}

/**
 * Returns queries that each read several tables side by side. One command per table would take
 * minutes.
 */
export async function questionsOver(bus: CampaignBus, subjects: readonly Subject[]): Promise<Question[]> {
  const instance = await DuckDBInstance.create(bus.duckdbPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    const bySize = [...subjects].sort((a, b) => rowsOf(a) - rowsOf(b));
    const questions: Question[] = [];
    for (let at = 0; at < bySize.length; at += tablesAtOnce) {
      const chosen = bySize.slice(at, at + tablesAtOnce);
      const columns: AskedColumn[] = [];
      for (const subject of chosen) {
        const table = `(SELECT * EXCLUDE (_seq, _artifact_key) FROM canon.${subject.table})`;
        const reader = await connection.runAndReadAll(`FROM ${table} LIMIT 0`);
        const types = reader.columnTypes();
        for (const [index, name] of reader.columnNames().entries()) {
          const texts = await textsOf(connection, quoted(name), table);
          columns.push({ subject, index, name, type: types[index]!, texts });
        }
      }
      questions.push({ sql: joined(chosen, columns), rows: rowsOf(chosen.at(-1)!), columns });
    }
    return questions;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * Returns DuckDB's text of each value of a column. A value that DuckDB cannot cast has none, such
 * as a list with the first moment of TIMESTAMP_NS.
 */
async function textsOf(connection: DuckDBConnection, column: string, table: string): Promise<(string | null)[]> {
  const [texts = []] = (
    await connection.runAndReadAll(`SELECT TRY(CAST(${column} AS VARCHAR)) FROM ${table}`)
  ).getColumns();
  return texts.map(text => (text === null ? null : String(text)));
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const rowsOf = (subject: Subject): number => subject.columns[0]?.values.length ?? 0;

function joined(subjects: readonly Subject[], columns: readonly AskedColumn[]): string {
  const selected = columns.map(({ subject, name }, i) => `${subject.table}.${quoted(name)} AS c${i}`);
  const tables = subjects.map(({ table }) => `canon.${table} AS ${table}`);
  return `SELECT ${selected.join(', ')} FROM ${tables.join(' POSITIONAL JOIN ')}`;
}

/** Compares the output of `quantbot-bus query` in each of its formats. */
export async function compareQueries(
  bus: CampaignBus,
  questions: readonly Question[],
  describe: ((paths: readonly string[]) => Promise<void>) | undefined,
  report: Report,
): Promise<void> {
  const files: string[] = [];
  for (const [number, question] of questions.entries()) {
    await attempt(question, 'query --format json', report, async reader => {
      const answer = JSON.parse(await bus.command('query', question.sql, '--format', 'json')) as Record<string, Json>[];
      compare(
        question,
        reader,
        answer.map(row => Object.values(row)),
        jsonOf,
        report,
      );
    });
    await attempt(question, 'query --format csv', report, async reader => {
      const [, ...rows] = parseCsv(await bus.command('query', question.sql, '--format', 'csv'));
      compare(question, reader, rows, textOfValue, report);
    });
    await attempt(question, 'query --format table', report, async reader => {
      const limit = String(question.rows + 1);
      const rows = cellsOf(await bus.command('query', question.sql, '--limit', limit));
      compare(question, reader, rows, (...args) => visible(textOfValue(...args) ?? 'NULL').trim(), report);
    });
    if (describe === undefined) continue;
    const path = join(bus.folder, `query-${number}.parquet`);
    await attempt(question, 'query --format parquet', report, async () => {
      await bus.command('query', question.sql, '--format', 'parquet', '--out', path);
      files.push(path);
    });
  }
  await describe?.(files);
  for (const [number, question] of questions.entries()) {
    const path = join(bus.folder, `query-${number}.parquet`);
    if (!files.includes(path)) continue;
    await attempt(question, 'query --format parquet', report, async reader => {
      const columns = describedColumns(path);
      for (const [i, column] of question.columns.entries()) {
        const expected = column.subject.columns[column.index]!;
        const values = columns[i]?.values.slice(0, expected.values.length) ?? [];
        report.compare(aboutOf(column, reader), expected.values, values);
      }
    });
  }
}

async function attempt(question: Question, reader: string, report: Report, work: (reader: string) => Promise<void>) {
  try {
    await work(reader);
  } catch (error) {
    const [first] = question.columns;
    if (first !== undefined) failed(first.subject, reader, error, report);
  }
}

const aboutOf = ({ subject, index, name, type }: AskedColumn, reader: string) => ({
  case: subject.case,
  column: name,
  type: `${subject.columns[index]?.type}, here ${type}`,
  reader,
});

function compare<T>(
  { columns }: Question,
  reader: string,
  rows: readonly T[][],
  expect: (value: Canonical, column: AskedColumn, row: number) => unknown,
  report: Report,
): void {
  for (const [i, column] of columns.entries()) {
    const { values } = column.subject.columns[column.index]!;
    const about = aboutOf(column, reader);
    try {
      const expected = values.map((value, row) => expect(value, column, row));
      report.compare(
        about,
        expected,
        rows.slice(0, values.length).map(row => row[i]),
      );
    } catch (error) {
      if (!(error instanceof NotRepresentable)) throw error;
      report.differ({ ...about, expected: `refused: ${error.message}`, got: String(rows[0]?.[i]) });
    }
  }
}

const jsonOf = (value: Canonical, { type }: AskedColumn): Json => asJson(value, type);

/**
 * Returns the expected text: our own if the type has only one form, otherwise DuckDB's cast of the
 * same value.
 */
const textOfValue = (value: Canonical, { type, texts }: AskedColumn, row: number): string | null => {
  const own = asText(value, type);
  return own === undefined ? (texts[row] ?? nestedText(value, type) ?? null) : own;
};

/** Returns the cells of a printed table. */
const cellsOf = (output: string): string[][] =>
  output
    .split('\n')
    .filter(line => line.startsWith('│'))
    .slice(1)
    .map(line =>
      line
        .slice(1, -1)
        .split('│')
        .map(cell => cell.trim()),
    );
