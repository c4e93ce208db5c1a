import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchBus, beginTable, built, drain, makeBus } from '../bus.js';
import { writePlainJobs } from '../plain-jobs.js';
import { race, startProgram } from '../program.js';
import { median, type Row, round, type Suite, type SuiteContext } from '../results.js';
import { submitAll } from '../submit-files.js';
import { byPollingAlone } from '../ways.js';
import { rates, type Workload } from '../workload.js';
import { countsOf, filesOf, isLarge, turnsOf } from './counts.js';

/** Files per second: of the whole run, and of its second half. */
interface Run {
  perSecond: number;
  warmPerSecond: number;
  peakMb?: number;
  cpuMsPerFile?: number;
}

/** A full inbox: the daemon, the floor and a hand-written daemon, on the same files. */
export const waiting: Suite = async context => {
  const rows: Row[] = [];
  for (const size of context.sizes) {
    const work = await filesOf(context, size, 'waiting');
    const turns: Map<string, Run>[] = [];
    for (let turn = 1; turn <= turnsOf(context, size); turn++) {
      context.say(`waiting jobs of ${size}, ${turn} of ${turnsOf(context, size)}`);
      const folder = join(context.folder, `${work.name}-${turn}`);
      turns.push(await oneTurn({ ...context, folder }, size, work));
      if (isLarge(size)) rmSync(folder, { recursive: true });
    }
    rows.push(...[...(turns[0] as Map<string, Run>).keys()].map(what => rowOf(size, what, work, turns)));
  }
  return {
    suite: 'waiting',
    title: 'Jobs that wait: the daemon against the bare system calls',
    how: 'All jobs are in the inbox before the daemon (or the floor: the bare system calls) starts. The time runs from the moment at which the program is ready until its last commit. Exports are off. Both use batches of the same size. `warm` is the second half of the batches. It leaves out the first second or two, in which Node still compiles the code. The poll-and-open daemon takes only the first of these files, writes its exports, and runs alone. At 1 KB and 30 KB, each runs three times in turns. The table has the median, and the median of the ratios within a turn. Plain scripts neither flush nor give their files away, so the daemon copies each file; their floor copies too. The processor time is that of the daemon with all its processes, from start to end, with compaction.',
    rows,
    skipped: context.python === undefined ? ['The poll-and-open daemon: its packages cannot be installed here.'] : [],
  };
};

const floorName = 'bare system calls';
const plainFloorName = 'bare system calls, files copied';
const plainName = 'bus, from plain scripts';
const pollingName = 'poll-and-open daemon';
/** The daemon's default batch size. */
const batch = 256;

/**
 * Runs each contender once: the floor, the variants of the bus, and the hand-written daemon.
 * Returns the runs by name.
 */
async function oneTurn(context: SuiteContext, size: string, work: Workload): Promise<Map<string, Run>> {
  const runs = new Map<string, Run>();
  const floor = await busWithWaiting(context, 'floor', work, null, 1);
  const bare = startProgram<{ warmPerSecond: number }>(built('floor'), { root: floor.root, batch });
  const { seconds, results } = await race([bare]);
  runs.set(floorName, runOf(work, seconds, results[0]?.warmPerSecond, 1));
  const variants = [
    ['bus, catalogued', null, 1],
    ['bus, into a canonical table', 'canon.ticks', 1],
    ['bus, catalogued, ten artifacts a job', null, 10],
  ] as const;
  for (const [name, hint, perJob] of variants) {
    if (perJob > 1 && work.files.length < 100) continue;
    const drained = await drain(await busWithWaiting(context, name, work, hint, perJob));
    const run = runOf(work, drained.seconds, drained.warmPerSecond, perJob);
    const cpuMsPerFile = (drained.cpuSeconds * 1000) / work.files.length;
    runs.set(name, { ...run, peakMb: drained.peakMb, cpuMsPerFile });
  }
  if (!isLarge(size)) {
    const copying = startProgram<{ warmPerSecond: number }>(built('floor'), {
      root: (await busWithPlainJobs(context, 'plain-floor', work)).root,
      batch,
      copies: true,
    });
    const bare = await race([copying]);
    runs.set(plainFloorName, runOf(work, bare.seconds, bare.results[0]?.warmPerSecond, 1));
    const drained = await drain(await busWithPlainJobs(context, 'plain', work));
    const cpuMsPerFile = (drained.cpuSeconds * 1000) / work.files.length;
    runs.set(plainName, {
      ...runOf(work, drained.seconds, drained.warmPerSecond, 1),
      peakMb: drained.peakMb,
      cpuMsPerFile,
    });
  }
  if (context.python !== undefined) {
    const few = { ...work, files: work.files.slice(0, countsOf(size).slow) };
    const place = { folder: join(context.folder, 'polling'), python: context.python };
    const { jobs_per_s } = await byPollingAlone(place, context.python, few);
    runs.set(pollingName, { perSecond: Number(jobs_per_s), warmPerSecond: Number.NaN });
  }
  return runs;
}

const runOf = (work: Workload, seconds: number, warmJobs: number | undefined, perJob: number): Run => ({
  perSecond: work.files.length / seconds,
  // With fewer batches, the second half is too short to measure.
  warmPerSecond: work.files.length / perJob >= 4 * batch ? (warmJobs ?? Number.NaN) * perJob : Number.NaN,
});

function rowOf(size: string, what: string, work: Workload, turns: readonly Map<string, Run>[]): Row {
  const runs = turns.map(turn => turn.get(what) as Run);
  /** Returns the median, over all turns, of the ratio to another contender. */
  const ratio = (to: string, figure: 'perSecond' | 'warmPerSecond') => {
    const ratios = turns.map((turn, t) => (runs[t] as Run)[figure] / (turn.get(to)?.[figure] ?? Number.NaN));
    return ratios.some(Number.isNaN) ? null : round(median(ratios));
  };
  const floor = what === plainName ? plainFloorName : floorName;
  const perSecond = median(runs.map(run => run.perSecond));
  const warm = median(runs.map(run => run.warmPerSecond));
  const peaks = runs.flatMap(run => run.peakMb ?? []);
  const isBus = what.startsWith('bus');
  return {
    what: `${size}: ${what}`,
    ...rates(work, work.files.length / perSecond),
    ...(what === pollingName && { artifacts: countsOf(size).slow }),
    of_the_floor: ratio(floor, 'perSecond'),
    warm_jobs_per_s: Number.isNaN(warm) ? null : round(warm),
    warm_of_the_floor: ratio(floor, 'warmPerSecond'),
    ...(isBus && { times_poll_and_open: ratio(pollingName, 'perSecond') }),
    ...(isBus && { cpu_ms_per_artifact: round(median(runs.flatMap(run => run.cpuMsPerFile ?? []))) }),
    ...(peaks.length > 0 && { peak_mb: Math.max(...peaks) }),
  };
}

async function busWithWaiting(
  { folder }: SuiteContext,
  name: string,
  work: Workload,
  schemaHint: string | null,
  artifactsPerJob: number,
): Promise<BenchBus> {
  const bus = await makeBus(join(folder, name.replaceAll(/\W+/g, '-')), { export: { enabled: false } });
  if (schemaHint !== null) await beginTable(bus, work.files[0] as string, schemaHint);
  await submitAll({ busRoot: bus.root, name: 'p', files: work.files, schemaHint, artifactsPerJob });
  return bus;
}

async function busWithPlainJobs({ folder }: SuiteContext, name: string, work: Workload): Promise<BenchBus> {
  const bus = await makeBus(join(folder, name), { export: { enabled: false } });
  writePlainJobs(join(bus.root, 'inbox'), work.files);
  return bus;
}
