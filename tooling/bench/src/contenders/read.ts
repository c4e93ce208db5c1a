/** Reads or writes Parquet in one way, several times, in its own process. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { readParquet, readParquetColumns, scanParquet, writeParquet } from '@quantbot/storage';
import { asyncBufferFromFile, parquetRead, parquetReadObjects } from 'hyparquet';
import parquet from 'parquetjs-lite';
import { peakResidentMb } from '../memory.js';
import { contender } from '../program.js';

interface Task {
  task: string;
  way: string;
  file: string;
  rows: number;
  target: string;
  times: number;
}

type Way = (task: Task) => Promise<unknown>;
type Ticks = Record<'ts' | 'open' | 'high' | 'low', unknown[]>;

const byHand = "DuckDB's API by hand";

let columns: Ticks;

async function prepareColumns({ file }: Task): Promise<void> {
  columns = (await readParquetColumns(file)) as unknown as Ticks;
}

async function withDuckDb<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const someSql = (file: string, rows: number) =>
  `SELECT ts, open FROM read_parquet('${file}') WHERE ts < ${Math.round(rows / 10)}`;

const ways: Record<string, Record<string, Way>> = {
  'as rows': {
    readParquet: async ({ file }) => (await readParquet(file)).length,
    [byHand]: ({ file }) =>
      withDuckDb(async connection => {
        const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
        return (reader.getRowObjectsJS() as { ts: bigint }[]).map(row => ({ ...row, ts: Number(row.ts) })).length;
      }),
    hyparquet: async ({ file }) => {
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
      return rows.map(row => ({ ...row, ts: Number(row.ts) })).length;
    },
    'parquetjs-lite': async ({ file }) => {
      const reader = await parquet.ParquetReader.openFile(file);
      const cursor = reader.getCursor();
      const rows: unknown[] = [];
      for (let row = await cursor.next(); row; row = await cursor.next()) rows.push(row);
      await reader.close();
      return rows.length;
    },
  },
  'as columns': {
    readParquetColumns: async ({ file }) => ((await readParquetColumns(file)) as unknown as Ticks).ts.length,
    'readParquetColumns, typed arrays': async ({ file }) =>
      (await readParquetColumns(file, { typedArrays: true })).ts?.length,
    [byHand]: ({ file }) =>
      withDuckDb(async connection => {
        const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
        const result = reader.getColumnsObjectJS() as { ts: bigint[] };
        return { ...result, ts: result.ts.map(Number) }.ts.length;
      }),
    hyparquet: async ({ file }) => {
      let ts = 0;
      await parquetRead({
        file: await asyncBufferFromFile(file),
        onChunk: chunk => {
          if (chunk.columnName === 'ts') ts += Array.from(chunk.columnData, Number).length;
        },
      });
      return ts;
    },
  },
  'two of four columns, a tenth of the rows': {
    readParquet: async ({ file, rows }) =>
      (await readParquet(file, { columns: ['ts', 'open'], where: 'ts < ?', params: [Math.round(rows / 10)] })).length,
    [byHand]: ({ file, rows }) =>
      withDuckDb(async connection => {
        const reader = await connection.runAndReadAll(someSql(file, rows));
        return (reader.getRowObjectsJS() as { ts: bigint }[]).map(row => ({ ...row, ts: Number(row.ts) })).length;
      }),
    hyparquet: async ({ file, rows }) =>
      (
        await parquetReadObjects({
          file: await asyncBufferFromFile(file),
          columns: ['ts', 'open'],
          filter: { ts: { $lt: BigInt(Math.round(rows / 10)) } },
        })
      ).map(row => ({ ...row, ts: Number(row.ts) })).length,
  },
  'scanned in batches, summing a column': {
    scanParquet: async ({ file }) => {
      let sum = 0;
      for await (const batch of scanParquet(file, { columns: ['ts'] })) for (const row of batch) sum += Number(row.ts);
      return sum;
    },
    [byHand]: ({ file }) =>
      withDuckDb(async connection => {
        let sum = 0;
        const result = await connection.stream(`SELECT ts FROM read_parquet('${file}')`);
        for await (const rows of result.yieldRowObjectJs()) for (const row of rows) sum += Number(row.ts);
        return sum;
      }),
  },
  'written from columns': {
    writeParquet: async ({ target }) => {
      await writeParquet(target, columns as never, {
        ts: 'BIGINT',
        open: 'DOUBLE',
        high: 'DOUBLE',
        low: 'DOUBLE',
      });
      return columns.ts.length;
    },
    [byHand]: ({ target }) =>
      withDuckDb(async connection => {
        await connection.run('CREATE TABLE t (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE)');
        const appender = await connection.createAppender('t');
        const { ts, open, high, low } = columns as Record<keyof Ticks, number[]>;
        for (let i = 0; i < ts.length; i++) {
          appender.appendBigInt(BigInt(ts[i] as number));
          appender.appendDouble(open[i] as number);
          appender.appendDouble(high[i] as number);
          appender.appendDouble(low[i] as number);
          appender.endRow();
        }
        appender.closeSync();
        await connection.run(`COPY t TO '${target}' (FORMAT parquet, COMPRESSION zstd)`);
        return ts.length;
      }),
    'parquetjs-lite': async ({ target }) => {
      const type = { type: 'DOUBLE' };
      const schema = new parquet.ParquetSchema({ ts: { type: 'INT64' }, open: type, high: type, low: type });
      const writer = await parquet.ParquetWriter.openFile(schema, target);
      const { ts, open, high, low } = columns as Record<keyof Ticks, number[]>;
      for (let i = 0; i < ts.length; i++)
        await writer.appendRow({ ts: ts[i] as number, open: open[i] as number, high: high[i], low: low[i] });
      await writer.close();
      return ts.length;
    },
  },
};

await contender<Task, { ms: number[]; peakMb: number; answer: string }>(async task => {
  const way = ways[task.task]?.[task.way];
  if (way === undefined) throw new Error(`There is no ${task.way} for ${task.task}.`);
  if (task.task.startsWith('written')) await prepareColumns(task);
  return async () => {
    const ms: number[] = [];
    let answer: unknown;
    for (let i = 0; i < task.times; i++) {
      const from = performance.now();
      answer = await way(task);
      ms.push(performance.now() - from);
    }
    return { ms, peakMb: peakResidentMb('self'), answer: String(answer) };
  };
});
