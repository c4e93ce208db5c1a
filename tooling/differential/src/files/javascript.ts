import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { writeSmallParquet } from '@quantbot/infra';
import { writeParquet } from '@quantbot/storage';
import { parquetWriteBuffer } from 'hyparquet-writer';
import parquet from 'parquetjs-lite';
import type { ExpectedColumn } from '../canonical.js';
import type { Random } from '../random.js';
import type { Case } from '../report.js';
import { annotatedColumns } from './annotated.js';
import { writeRepeated } from './repeated.js';
import { meaningOf, type ValueColumn, valueColumns, valuesOf } from './values.js';

/** A file with its intended values. */
export interface WrittenFile {
  case: Case;
  columns: ExpectedColumn[];
}

const rows = 23;

/** Lets the JavaScript writers, including those of the bus, fill a folder. */
export async function writeFilesOfJavaScript(folder: string, random: Random): Promise<WrittenFile[]> {
  const written: WrittenFile[] = [];
  const write = async (name: string, writer: Writer, columns: readonly ValueColumn[]) => {
    const file = `${writer.name}-${String(written.length).padStart(3, '0')}-${name}.parquet`;
    const data = columns.map(column => ({ ...column, values: valuesOf(column, rows) }));
    const how = await writer.write(join(folder, file), data, random);
    written.push({
      case: { file, writer: writer.name, how, refusable: {} },
      columns: data.map(column => ({
        name: column.name,
        type: String(writer.typeOf(column)),
        values: meaningOf(column, column.values),
      })),
    });
  };
  for (const writer of writers) {
    const columns = [...valueColumns, ...annotatedColumns].filter(column => writer.typeOf(column) !== undefined);
    for (const column of columns) await write(column.name, writer, [column]);
    for (let i = 0; i < 4; i++) await write('wide', writer, columns);
  }
  written.push(await writeRepeated(folder, `parquetjs-lite-${written.length}-repeated.parquet`, random));
  return written;
}

interface Writer {
  name: string;
  typeOf(column: ValueColumn): string | undefined;
  /** Writes with random options, and returns them. */
  write(path: string, columns: readonly ValueColumn[], random: Random): Promise<string>;
}

const rowsOf = (columns: readonly ValueColumn[]): Record<string, unknown>[] =>
  Array.from({ length: rows }, (_, row) => Object.fromEntries(columns.map(({ name, values }) => [name, values[row]])));

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliCompressSync(input)),
};

/** Undefined lets the writer choose a dictionary, which would merge -0 with 0. */
const encodings: Record<string, readonly (string | undefined)[]> = {
  INT32: [undefined, 'PLAIN', 'DELTA_BINARY_PACKED'],
  INT64: [undefined, 'PLAIN', 'DELTA_BINARY_PACKED'],
  DOUBLE: ['PLAIN', 'BYTE_STREAM_SPLIT'],
  FLOAT: ['PLAIN', 'BYTE_STREAM_SPLIT'],
  FLOAT16: ['PLAIN'],
  STRING: [undefined, 'PLAIN', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'],
  BYTE_ARRAY: [undefined, 'PLAIN', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'],
};

const hyparquetWriter: Writer = {
  name: 'hyparquet-writer',
  typeOf: ({ hyparquet }) => hyparquet,
  async write(path, columns, random) {
    const codec = random.pick(['SNAPPY', 'UNCOMPRESSED', 'GZIP', 'BROTLI'] as const);
    const rowGroupSize = random.pick([5, 1000]);
    const pageSize = random.pick([16, 1_048_576]);
    const statistics = random.pick([true, false]);
    const columnData = columns.map(column => ({
      name: column.name,
      data: column.values,
      type: column.hyparquet,
      encoding: random.pick(encodings[column.hyparquet ?? ''] ?? [undefined]),
      columnIndex: random.pick([true, false]),
      bloomFilter: random.pick([true, false]),
    }));
    const options = { columnData, codec, compressors, rowGroupSize, pageSize, statistics };
    writeFileSync(
      path,
      new Uint8Array(parquetWriteBuffer(options as unknown as Parameters<typeof parquetWriteBuffer>[0])),
    );
    return JSON.stringify({ codec, rowGroupSize, pageSize, statistics, encodings: columnData.map(c => c.encoding) });
  },
};

/** hyparquet-writer with an explicit schema, for annotations without a type of its own. */
const annotated: Writer = {
  name: 'hyparquet-writer',
  typeOf: ({ annotated: elements }) => elements && JSON.stringify(elements),
  async write(path, columns, random) {
    const schema = [
      { name: 'schema', num_children: columns.length },
      ...columns.flatMap(({ name, annotated: elements = [] }) =>
        elements.map((element, index) => ({
          repetition_type: 'OPTIONAL' as const,
          ...element,
          name: index === 0 ? name : (element.name as string),
        })),
      ),
    ];
    const columnData = columns.map(({ name, values }) => ({ name, data: values as never }));
    const codec = random.pick(['SNAPPY', 'UNCOMPRESSED'] as const);
    const rowGroupSize = random.pick([5, 1000]);
    writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, schema, codec, rowGroupSize })));
    return JSON.stringify({ codec, rowGroupSize });
  },
};

const parquetjs: Writer = {
  name: 'parquetjs-lite',
  typeOf: ({ parquetjs: type }) => type,
  async write(path, columns, random) {
    const compression = random.pick(['UNCOMPRESSED', 'GZIP', 'SNAPPY']);
    const statistics = random.pick([true, false]);
    const rowGroup = random.pick([7, 4096]);
    const fields = columns.map(c => [c.name, { type: c.parquetjs as string, optional: true, compression, statistics }]);
    const schema = new parquet.ParquetSchema(Object.fromEntries(fields));
    const writer = await parquet.ParquetWriter.openFile(schema, path, { useDataPageV2: false });
    writer.setRowGroupSize(rowGroup);
    for (const row of rowsOf(columns)) await writer.appendRow(row);
    await writer.close();
    return JSON.stringify({ compression, statistics, rowGroup });
  },
};

const small: Writer = {
  name: 'writeSmallParquet',
  typeOf: column => column.small,
  async write(path, columns) {
    const types = columns.map(column => [column.name, { type: column.small!, optional: true }]);
    await writeSmallParquet(path, { columns: Object.fromEntries(types), rows: rowsOf(columns) });
    return 'defaults';
  },
};

const storage: Writer = {
  name: 'writeParquet',
  typeOf: column => column.storage,
  async write(path, columns) {
    await writeParquet(path, rowsOf(columns), Object.fromEntries(columns.map(c => [c.name, c.storage as string])));
    return 'defaults';
  },
};

const writers = [hyparquetWriter, annotated, parquetjs, small, storage];
