import type { DuckDBType } from '@duckdb/node-api';
import {
  type Columns,
  readParquet,
  readParquetColumns,
  scanParquet,
  scanParquetColumns,
  type TypeMapping,
  type Value,
} from '@quantbot/storage';
import type { ExpectedColumn } from '../canonical.js';
import type { Subject } from '../corpus.js';
import { asRead, NotRepresentable } from '../expected/as-read.js';
import { type Report, textOf } from '../report.js';
import { names } from '../submit.js';

type Mapping = Required<TypeMapping>;

const mappings: Mapping[] = [
  { int64: 'number', decimal: 'string', timestamp: 'date' },
  { int64: 'bigint', decimal: 'number', timestamp: 'micros' },
  { int64: 'bigint', decimal: 'string', timestamp: 'nanos' },
  { int64: 'number', decimal: 'number', timestamp: 'nanos' },
];

type Options = Mapping & { columns?: string[]; where?: string; orderBy?: string };
type Reader = (path: string, options: Options) => Promise<Columns>;

const readers: Record<string, Reader> = {
  readParquet: async (path, options) => columnsOf(await readParquet(path, options)),
  'readParquet where': async (path, options) => columnsOf(await readParquet(path, { ...options, where: 'true' })),
  readParquetColumns: (path, options) => readParquetColumns(path, options),
  'readParquetColumns typedArrays': async (path, options) =>
    (await readParquetColumns(path, { ...options, typedArrays: true })) as Columns,
  scanParquet: async (path, options) => {
    const rows = [];
    for await (const batch of scanParquet(path, { ...options, batchRows: 7 })) rows.push(...batch);
    return columnsOf(rows);
  },
  scanParquetColumns: async (path, options) => {
    const all: Columns = Object.create(null);
    for await (const batch of scanParquetColumns(path, { ...options, batchRows: 1000 }))
      for (const [name, values] of Object.entries(batch)) all[name] = [...(all[name] ?? []), ...values];
    return all;
  },
};

function columnsOf(rows: readonly Record<string, Value>[]): Columns {
  const columns: Columns = Object.create(null);
  for (const name of Object.keys(rows[0] ?? {})) columns[name] = rows.map(row => row[name] as Value);
  return columns;
}

/** Compares the values of a file from every reader with every option. */
export async function compareFile(
  subject: Subject,
  path: string,
  types: readonly DuckDBType[],
  report: Report,
): Promise<void> {
  for (const mapping of mappings) {
    const expected = subject.columns.map((column, i) => expectedValues(column, types[i]!, mapping));
    const given = subject.columns.filter((_, i) => expected[i] !== undefined);
    const values = expected.filter(list => list !== undefined);
    const refused = subject.columns.filter((_, i) => expected[i] === undefined);
    for (const [name, read] of Object.entries(readers)) {
      const reader = `${name}: ${Object.values(mapping).join(' ')}`;
      const options = refused.length === 0 ? mapping : { ...mapping, columns: given.map(column => column.name) };
      if (given.length > 0) await compareRead(subject, given, values, reader, () => read(path, options), report);
      for (const column of refused)
        await compareRefusal(
          subject,
          column.name,
          reader,
          () => read(path, { ...mapping, columns: [column.name] }),
          report,
        );
    }
  }
}

function expectedValues(column: ExpectedColumn, type: DuckDBType, mapping: Mapping): Value[] | undefined {
  try {
    return column.values.map(value => asRead(value, type, mapping));
  } catch (error) {
    if (error instanceof NotRepresentable) return undefined;
    throw error;
  }
}

async function compareRead(
  { case: found }: Subject,
  columns: readonly ExpectedColumn[],
  expected: readonly Value[][],
  reader: string,
  read: () => Promise<Columns>,
  report: Report,
): Promise<void> {
  const about = { case: found, reader };
  try {
    const got = await read();
    for (const [i, { name, type }] of columns.entries())
      report.compare({ ...about, column: name, type }, expected[i] ?? [], got[name] ?? []);
  } catch (error) {
    const text = textOf(error);
    const column = Object.keys(found.refusable).find(name => names(text, name));
    if (column !== undefined) report.refused(found, reader, column, text);
    else report.differ({ ...about, column: '(all)', type: '', expected: 'values', got: text });
  }
}

async function compareRefusal(
  { case: found }: Subject,
  column: string,
  reader: string,
  read: () => Promise<Columns>,
  report: Report,
): Promise<void> {
  const about = { case: found, column, type: '', reader };
  try {
    const got = await read();
    report.differ({ ...about, expected: 'an error with the name of the column', got: `${got[column]?.slice(0, 5)}` });
  } catch (error) {
    const text = textOf(error);
    if (names(text, column)) report.refused(found, reader, column, text);
    else report.differ({ ...about, expected: 'an error with the name of the column', got: text });
  }
}
