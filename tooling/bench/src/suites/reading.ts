import { join } from 'node:path';
import { built } from '../bus.js';
import { startProgram } from '../program.js';
import { median, type Row, round, type Suite } from '../results.js';
import { makeFiles } from '../workload.js';

const tasks = {
  'as rows': ['readParquet', "DuckDB's API by hand", 'hyparquet', 'parquetjs-lite'],
  'as columns': ['readParquetColumns', "DuckDB's API by hand", 'hyparquet'],
  'two of four columns, a tenth of the rows': ['readParquet', "DuckDB's API by hand", 'hyparquet'],
  'scanned in batches, summing a column': ['scanParquet', "DuckDB's API by hand"],
  'written from columns': ['writeParquet', "DuckDB's API by hand", 'parquetjs-lite'],
} as const;

/** Reading and writing Parquet in one process, against what else people use. */
export const reading: Suite = async ({ folder, quick, say }) => {
  const size = quick ? '1 MB' : '100 MB';
  const { files, rows: count } = await makeFiles(join(folder, 'files'), size, 1);
  const rows: Row[] = [];
  for (const [task, ways] of Object.entries(tasks)) {
    let ours: number | undefined;
    for (const way of ways) {
      say(`reading: ${task}, ${way}`);
      const program = startProgram<{ ms: number[]; peakMb: number; answer: string }>(built('read'), {
        task,
        way,
        file: files[0],
        rows: count,
        target: join(folder, 'written.parquet'),
        times: quick ? 3 : 5,
      });
      await program.ready;
      program.go();
      const { ms, peakMb, answer } = await program.result;
      program.stop();
      ours ??= median(ms);
      rows.push({
        what: `${task}: ${way}`,
        ms: round(median(ms)),
        times_ours: round(median(ms) / ours),
        peak_mb: Math.round(peakMb),
        answer,
      });
    }
  }
  return {
    suite: 'reading',
    title: 'Reading and writing Parquet',
    how: `A file of ${count.toLocaleString('en')} rows with four columns, each way in a process of its own, the median of five; the same answer is asked of all. By hand: what @duckdb/node-api's documentation says to do for the same result, with 64-bit integers as numbers.`,
    rows,
    skipped: [],
  };
};
