import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchBus, beginTable, built, drain, makeBus } from '../bus.js';
import { race, startProgram } from '../program.js';
import { median, type Row, round, type Suite, type SuiteContext } from '../results.js';
import { submitAll } from '../submit-files.js';
import { rates, type Workload } from '../workload.js';
import { filesOf, isLarge, turnsOf } from './counts.js';

interface Run {
  seconds: number;
  peakMb?: number;
}

/** What waits in the inbox: the daemon and the floor, on the same jobs. */
export const waiting: Suite = async context => {
  const rows: Row[] = [];
  for (const size of context.sizes) {
    const work = await filesOf(context, size);
    const turns: Map<string, Run>[] = [];
    for (let turn = 1; turn <= turnsOf(context, size); turn++) {
      context.say(`waiting jobs of ${size}, ${turn} of ${turnsOf(context, size)}`);
      const folder = join(context.folder, `${work.name}-${turn}`);
      turns.push(await oneTurn({ ...context, folder }, work));
      if (isLarge(size)) rmSync(folder, { recursive: true });
    }
    rows.push(...[...(turns[0] as Map<string, Run>).keys()].map(what => rowOf(size, what, work, turns)));
  }
  return {
    suite: 'waiting',
    title: 'Jobs that wait: the daemon against the bare system calls',
    how: 'All jobs are in the inbox before the daemon (or the floor) begins; the time is from being ready to the last commit. Exports are off. Of 1 KB and 30 KB all do it three times in turns: the middle time, and the middle of the ratios within a turn.',
    rows,
    skipped: [],
  };
};

const floorName = 'bare system calls';

/** The floor and each variant of the bus once, by name. */
async function oneTurn(context: SuiteContext, work: Workload): Promise<Map<string, Run>> {
  const runs = new Map<string, Run>();
  const floor = await busWithWaiting(context, 'floor', work, null, 1);
  runs.set(floorName, await race([startProgram(built('floor'), { root: floor.root, batch: 64 })]));
  const variants = [
    ['bus, catalogued', null, 1],
    ['bus, into a canonical table', 'canon.ticks', 1],
    ['bus, catalogued, ten artifacts a job', null, 10],
  ] as const;
  for (const [name, hint, perJob] of variants) {
    if (perJob > 1 && work.files.length < 100) continue;
    runs.set(name, await drain(await busWithWaiting(context, name, work, hint, perJob)));
  }
  return runs;
}

function rowOf(size: string, what: string, work: Workload, turns: readonly Map<string, Run>[]): Row {
  const runs = turns.map(turn => turn.get(what) as Run);
  const shares = turns.map((turn, t) => (turn.get(floorName) as Run).seconds / (runs[t] as Run).seconds);
  const peaks = runs.flatMap(run => run.peakMb ?? []);
  return {
    what: `${size}: ${what}`,
    ...rates(work, median(runs.map(run => run.seconds))),
    of_the_floor: round(median(shares)),
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
