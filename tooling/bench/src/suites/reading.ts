import { join } from 'node:path';
import { built } from '../bus.js';
import { startProgram } from '../program.js';
import { median, type Row, round, type Suite } from '../results.js';
import { makeFiles } from '../workload.js';

const tasks = {
  'as rows': ['readParquet', "DuckDB's API by hand", 'hyparquet', 'parquetjs-lite'],
  'as columns': ['readParquetColumns', 'readParquetColumns, typed arrays', "DuckDB's API by hand", 'hyparquet'],
  'two of four columns, a tenth of the rows': ['readParquet', "DuckDB's API by hand", 'hyparquet'],
  'scanned in batches, summing a column': ['scanParquet', "DuckDB's API by hand"],
  'written from columns': ['writeParquet', "DuckDB's API by hand", 'parquetjs-lite'],
} as const;

const rounds = 3;
const timesARound = 3;

interface Measured {
  ms: number[];
  peakMb: number;
  answer: string;
}

/** Reading and writing Parquet in one process, compared with other libraries. */
export const reading: Suite = async ({ folder, quick, say }) => {
  const size = quick ? '1 MB' : '100 MB';
  const { files, rows: count } = await makeFiles(join(folder, 'files'), size, 1);
  const rows: Row[] = [];
  for (const [task, ways] of Object.entries(tasks)) {
    const measured = new Map<string, Measured[]>();
    // Alternate, so that other load on the machine affects all contenders.
    for (let turn = 1; turn <= rounds; turn++)
      for (const way of ways) {
        const isSlow = way === 'parquetjs-lite'; // minutes: once is enough
        if (isSlow && turn > 1) continue;
        say(`reading: ${task}, ${way}, ${turn} of ${rounds}`);
        const target = join(folder, 'written.parquet');
        const result = await inItsOwnProcess({
          task,
          way,
          file: files[0],
          rows: count,
          target,
          times: isSlow ? 1 : timesARound,
        });
        measured.set(way, [...(measured.get(way) ?? []), result]);
      }
    const medians = new Map([...measured].map(([way, results]) => [way, median(results.flatMap(({ ms }) => ms))]));
    for (const [way, results] of measured)
      rows.push({
        what: `${task}: ${way}`,
        ms: round(medians.get(way) as number),
        times_ours: round((medians.get(way) as number) / (medians.get(ways[0]) as number)),
        peak_mb: Math.round(Math.max(...results.map(({ peakMb }) => peakMb))),
        answer: results[0]?.answer ?? '',
      });
  }
  return {
    suite: 'reading',
    title: 'Reading and writing Parquet',
    how: `A file has ${count.toLocaleString('en')} rows with four columns. Each way runs in ${rounds} rounds, in its own process, ${timesARound} times a round (parquetjs-lite once). The figure is the median. All ways return the same values. By hand: the code that @duckdb/node-api's documentation recommends for the same result, with 64-bit integers as numbers.`,
    rows,
    skipped: [],
  };
};

async function inItsOwnProcess(task: object): Promise<Measured> {
  const program = startProgram<Measured>(built('read'), task);
  await program.ready;
  program.go();
  const result = await program.result;
  program.stop();
  return result;
}
