import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fsync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type BenchBus, beginTable, daemonCli, makeBus } from '../bus.js';
import { type CpuByPart, cpuByPart, watchCompaction } from '../cpu-by-part.js';
import { costOf, type JobCost, predict } from '../model.js';
import { type Row, round, type Suite, type SuiteContext } from '../results.js';
import { submitAll } from '../submit-files.js';
import { makeFiles, type Workload } from '../workload.js';

const batch = 256;
/** A flush on a data-centre NVMe drive with a protected cache (milliseconds). */
const nvmeFlushMs = 0.02;
/**
 * The cost of a job among 10 million artifacts, as a multiple of one among 10,000. From there to a
 * million it grew by 5 %.
 */
const amongTenMillion = 1.08;

/**
 * Predicts the rate on other machines from the cost of each part, and checks the model on 1 and 2
 * cores.
 */
export const scale: Suite = async context => {
  const rows: Row[] = [];
  const skipped: string[] = [];
  const work = await makeFiles(join(context.folder, 'files'), '30 KB', context.quick ? 2560 : 10_000);
  const flushMs = await flushMsOf(join(context.folder, 'flushes'));
  const pins = spawnSync('taskset', ['--version']).status === 0;
  if (!pins) skipped.push('One core: taskset is not installed.');
  for (const [what, hint] of [
    ['catalogued', null],
    ['canonical', 'canon.ticks'],
  ] as const) {
    const runs: { cores: number; cost: JobCost; perSecond: number }[] = [];
    for (const cores of pins ? [1, 2] : [2]) {
      context.say(`scale: ${what}, ${cores} cores`);
      const bus = await busWith(context, `${what}-${cores}`, work, hint);
      runs.push({ cores, ...(await measure(bus, cores, flushMs)) });
    }
    const last = runs.at(-1) as (typeof runs)[number];
    rows.push(...runs.map(run => ({ ...rowOf(`${what}, ${run.cores} cores`, run.cost, run.cores), ...checked(run) })));
    const other: [string, JobCost, number][] = [
      ['16 cores', last.cost, 16],
      ['64 cores', last.cost, 64],
      ['64 cores, NVMe', { ...last.cost, flush: nvmeFlushMs }, 64],
      [
        '64 cores, NVMe, 10 million artifacts',
        { ...last.cost, flush: nvmeFlushMs, main: last.cost.main * amongTenMillion },
        64,
      ],
    ];
    rows.push(...other.map(([name, cost, cores]) => rowOf(`${what}, ${name}, predicted`, cost, cores)));
  }
  return {
    suite: 'scale',
    title: 'Other machines: a model',
    how: 'A full inbox of files of 30 KB. The columns of milliseconds are processor time per job in the second half of the run: of the main thread, of the busier of the two file threads, of the process that decodes and of the one that compacts; other_ms are the second file thread and the threads of Node.js. flush_ms is measured alone. Each of these parts does one thing at a time and works on another batch, so the model takes the slowest one, or the sum over all cores. The daemon ran on one and on two cores; predicted_of_measured compares. The other rows use the costs of two cores. NVMe: a flush takes 0.02 ms.',
    rows,
    skipped,
  };
};

function rowOf(what: string, cost: JobCost, cores: number): Row {
  const { perSecond, part } = predict(cost, cores);
  return {
    what,
    main_ms: round(cost.main),
    files_ms: round(cost.files[0]),
    flush_ms: round(cost.flush),
    decoding_ms: round(cost.decoder),
    compaction_ms: round(cost.compaction),
    other_ms: round(cost.files[1] + cost.helpers),
    predicted_jobs_per_s: round(perSecond),
    limit: part,
  };
}

function checked({ cost, cores, perSecond }: { cost: JobCost; cores: number; perSecond: number }) {
  return {
    measured_jobs_per_s: round(perSecond),
    predicted_of_measured: round(predict(cost, cores).perSecond / perSecond),
  };
}

async function busWith({ folder }: SuiteContext, name: string, work: Workload, schemaHint: string | null) {
  const bus = await makeBus(join(folder, name), { export: { enabled: false } });
  if (schemaHint !== null) await beginTable(bus, work.files[0] as string, schemaHint);
  await submitAll({ busRoot: bus.root, name: 'p', files: work.files, schemaHint, artifactsPerJob: 1 });
  return bus;
}

/** Drains a bus on some cores. Returns the cost and the rate of the second half of its jobs. */
async function measure(bus: BenchBus, cores: number, flushMs: number): Promise<{ cost: JobCost; perSecond: number }> {
  const args = [daemonCli, 'start', '--config', join(bus.folder, 'bus_config.json'), '--drain'];
  const pinned = cores === 1 ? ['taskset', '-c', '0', process.execPath] : [process.execPath];
  const [program = '', ...rest] = [...pinned, ...args];
  // taskset becomes the daemon, so the process id stays.
  const daemon: ChildProcess = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  const compaction = watchCompaction(daemon.pid as number);
  const commits: { jobs: number; ms: number; cpu: CpuByPart }[] = [];
  createInterface({ input: daemon.stderr as NodeJS.ReadableStream }).on('line', line => {
    if (!line.includes('batch committed')) return;
    const { jobs, time } = JSON.parse(line) as { jobs: number; time: string };
    commits.push({ jobs, ms: Date.parse(time), cpu: cpuByPart(daemon.pid as number) });
  });
  const [code] = await once(daemon, 'close');
  const compactionMs = compaction();
  if (code !== 0) throw new Error(`The daemon ended with ${code}.`);
  // At the last commit the daemon already ends its threads and processes.
  const [middle, ...half] = commits.slice(Math.floor(commits.length / 2), -1);
  const last = half.at(-1);
  if (middle === undefined || last === undefined) throw new Error('There were too few commits to measure.');
  const jobs = half.reduce((sum, commit) => sum + commit.jobs, 0);
  // The name of a segment ends with its last job.
  const segments = readdirSync(join(bus.root, 'journal/segments')).filter(name => name.endsWith('.parquet'));
  const compacted = Math.max(0, ...segments.map(name => Number(/(\d+)\.parquet$/.exec(name)?.[1] ?? 0)));
  return {
    cost: {
      ...costOf(middle.cpu, last.cpu, jobs),
      // Compaction comes in bursts, so count all of it.
      compaction: compacted > 0 ? compactionMs / compacted : 0,
      flush: flushMs,
    },
    perSecond: jobs / ((last.ms - middle.ms) / 1000),
  };
}

/** Returns the time of a flush of a small file, when a batch of them is flushed (milliseconds). */
async function flushMsOf(folder: string): Promise<number> {
  const flush = promisify(fsync);
  mkdirSync(folder);
  let ms = 0;
  for (let round = 0; round < 4; round++) {
    const files = Array.from({ length: batch }, (_, i) => {
      const path = join(folder, `${round}-${i}`);
      writeFileSync(path, Buffer.alloc(30_000));
      return openSync(path, 'r');
    });
    const from = performance.now();
    await Promise.all(files.map(file => flush(file)));
    if (round > 0) ms += performance.now() - from;
    for (const file of files) closeSync(file);
  }
  return ms / 3 / batch;
}
