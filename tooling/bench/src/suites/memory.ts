import { join } from 'node:path';
import { makeBus, startDaemon } from '../bus.js';
import { watchTree } from '../memory.js';
import { type Row, round, type Suite } from '../results.js';
import { submitFiles } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const table = 'canon.ticks';
/** Compaction of what is idle, exports, gc and scrub follow the last job. */
const afterwardsMs = 40_000;

/** The memory of the daemon with all its processes, while one table grows to millions of rows. */
export const memory: Suite = async ({ folder, quick, say }) => {
  const rows: Row[] = [];
  // Each row of the upsert table has a key of its own.
  const ways = [
    { mode: 'append', settings: {}, size: '30 KB', different: 20, jobs: 4_000 },
    { mode: 'upsert', settings: { key: ['ts'], order_by: ['open'] }, size: '1 MB', different: 120, jobs: 120 },
  ];
  for (const { mode, settings, size, different, jobs: wanted } of ways) {
    say(`memory: ${mode}`);
    const { files, rows: rowsOfAFile } = await makeFiles(join(folder, 'files'), size, quick ? 20 : different);
    const jobs = quick ? 20 : wanted;
    const bus = await makeBus(join(folder, mode), { canon: { tables: { ticks: { mode, ...settings } } } });
    const daemon = await startDaemon(bus);
    const peak = watchTree(daemon.pid);
    const from = performance.now();
    const work = Array.from({ length: jobs }, (_, i) => files[i % files.length] as string);
    let last: { settled(options: { timeoutMs: number }): Promise<unknown> } | undefined;
    const task = { busRoot: bus.root, name: 'job', files: work, schemaHint: table, artifactsPerJob: 1 };
    for await (const submission of submitFiles(task)) last = submission;
    await last?.settled({ timeoutMs: 600_000 });
    const seconds = (performance.now() - from) / 1000;
    await new Promise(resolve => setTimeout(resolve, quick ? 1_000 : afterwardsMs));
    const { peakMb, largest } = peak();
    rows.push({
      what: `${mode}, ${jobs.toLocaleString('en')} jobs of ${rowsOfAFile.toLocaleString('en')} rows`,
      jobs_per_s: round(jobs / seconds),
      peak_mb: peakMb,
      largest_process: largest.name,
      largest_mb: largest.mb,
    });
    await daemon.stop();
  }
  return {
    suite: 'memory',
    title: 'Memory of the daemon and all its processes',
    how: `One producer submits jobs, one after the other, into one canonical table. The proportional set size (PSS) of a process has its share of the memory that several processes share. The figure is the largest sum of the PSS of the daemon and its child processes at one moment, from the first job until ${afterwardsMs / 1000} seconds after the last one. All settings have their defaults.`,
    rows,
    skipped: [],
  };
};
