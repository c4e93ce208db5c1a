import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { viaDelta, viaDlt } from '../lakes.js';
import { type Row, round, type Suite, type SuiteContext } from '../results.js';
import { directly, type Place, people, viaBareCalls, viaBus, viaLake, viaPolling, viaQuack } from '../ways.js';
import type { Workload } from '../workload.js';
import { countsOf, filesOf, isLarge, turnsOf } from './counts.js';

/**
 * Producers and writers together, from the first submission until everything is durable and can be
 * read.
 */
export const together: Suite = async context => {
  const rows: Row[] = [];
  const skipped: string[] = [];
  let run = 0;
  for (const size of context.sizes) {
    const work = await filesOf(context, size, 'jobs');
    const cells = new Map<string, Row[]>();
    const turns = turnsOf(context, size);
    for (let turn = 1; turn <= turns; turn++)
      await everybody(context, size, work, skipped, async (what, measure) => {
        context.say(`together: ${size}, ${what}, ${turn} of ${turns}`);
        const folder = join(context.folder, `run-${++run}`);
        const row = await measure({ folder, python: context.python });
        if (row !== undefined) cells.set(what, [...(cells.get(what) ?? []), { ...row, what: `${size}: ${what}` }]);
        if (isLarge(size)) rmSync(folder, { recursive: true, force: true });
      });
    const medians = [...cells.values()].map(middleOf);
    const best = Math.max(...medians.filter(row => /: bus/.test(row.what)).map(row => Number(row.jobs_per_s)));
    const compared = (row: Row) => !row.what.includes(bareCalls);
    const fasterBy = (row: Row) => round(best / Number(row.jobs_per_s));
    rows.push(...medians.map(row => ({ ...row, bus_is_faster_by: compared(row) ? fasterBy(row) : null })));
  }
  return {
    suite: 'together',
    title: 'Producers and writer together, with a reader beside them',
    how: 'The time runs from the first submission until every job is committed and in a table that can be read. Each artifact is one job or one transaction. The bus keeps its golden exports fresh meanwhile, as the poll-and-open daemon does. The others do not export, so the bus also runs without exports. The bus copies submitted files, except in the rows with files given away. The files of the poll-and-open daemon are in its inbox from the start. The rows of system calls alone have no daemon: their producers copy, hash and flush, and rename into an inbox that is not emptied. Processor time is counted from the first submission until the last receipt; that of the daemon has all its processes. Delta and the files of dlt are not flushed, so a power failure may lose them. A reader in Python asks for the number of rows, again and again, 20 ms after each answer. Its answers and refusals are totals, and the runs differ in length. At 1 KB and 30 KB, each runs three times in turns, and the table has the median. `bus_is_faster_by` compares with the best row of the bus at that size.',
    rows,
    skipped: [...new Set(skipped)],
  };
};

const bareCalls = "the producers' system calls alone";

/** Returns the median run, by jobs per second. */
function middleOf(runs: readonly Row[]): Row {
  const sorted = [...runs].sort((a, b) => Number(a.jobs_per_s) - Number(b.jobs_per_s));
  return sorted[Math.floor(sorted.length / 2)] as Row;
}

type Add = (what: string, measure: (place: Place) => Promise<Row | undefined>) => Promise<void>;

/** Runs every way to write the same files, one after the other. */
async function everybody(
  context: SuiteContext,
  size: string,
  work: Workload,
  skipped: string[],
  add: Add,
): Promise<void> {
  const { slow } = countsOf(size);
  const few: Workload = { ...work, files: work.files.slice(0, slow) };
  for (const producers of [1, 8, 64])
    if (producers <= work.files.length)
      await add(`bus, ${people(producers)}`, place => viaBus(place, work, producers, {}));
  const alone = { export: { enabled: false } };
  for (const producers of [1, 8])
    if (producers <= work.files.length)
      await add(`bus without exports, ${people(producers)}`, place => viaBus(place, work, producers, alone));
  for (const producers of [1, 8])
    if (producers <= work.files.length)
      await add(`bus, files given away, ${people(producers)}`, place => viaBus(place, work, producers, {}, true));
  for (const producers of [8, 64])
    if (producers <= work.files.length)
      await add(`${bareCalls}, ${people(producers)}`, place => viaBareCalls(place, work, producers));
  if (context.python === undefined) skipped.push('Everything in Python: its packages cannot be installed here.');
  else {
    const { python } = context;
    await add('poll-and-open daemon', place => viaPolling(place, python, few));
    for (const producers of [1, 8, 16].filter(n => n <= few.files.length)) {
      await add(`Python writes DuckDB itself, ${people(producers)}`, place =>
        directly(place, python, few, producers, true),
      );
      await add(`Node writes DuckDB itself, ${people(producers)}`, place =>
        directly(place, python, few, producers, false),
      );
    }
    for (const producers of [1, 8, 16].filter(n => n <= few.files.length)) {
      const some = size === '100 MB' ? few : { ...work, files: work.files.slice(0, slow * 4) };
      await add(`DuckDB's server (quack), ${people(producers)}`, place =>
        viaQuack(place, python, some, producers, skipped),
      );
      await add(`DuckLake on PostgreSQL, ${people(producers)}`, place =>
        viaLake(place, python, some, producers, skipped),
      );
      await add(`Delta (deltalake), not flushed, ${people(producers)}`, place =>
        viaDelta(place, python, some, producers),
      );
    }
    const fewer = { ...few, files: few.files.slice(0, Math.ceil(slow / 4)) };
    await add('dlt into DuckDB', place => viaDlt(place, python, fewer, 'DuckDB'));
    await add('dlt into files, not flushed', place => viaDlt(place, python, fewer, 'files'));
  }
}
