import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { drain, makeBus } from '../bus.js';
import { median, type Row, round, type Suite, type SuiteContext } from '../results.js';
import { submitAll } from '../submit-files.js';
import { rates, type Workload } from '../workload.js';
import { filesOf, turnsOf } from './counts.js';

const ownName = "the daemon's own user";
const otherName = 'another user';
/** The user that owns the jobs of others. No account needs it. */
const otherUid = 41_002;

/** A full inbox of the daemon's own user beside one of another user, whose files it brings over. */
export const otherUsers: Suite = async context => {
  const isRoot = process.getuid?.() === 0;
  const rows = isRoot ? await measured(context) : [];
  return {
    suite: 'other-users',
    title: 'Jobs of other users',
    how: "The same files wait in the inbox as jobs of the daemon's own user, then as jobs of another user, in turns. The daemon may use files of its own user as they are. Files of another user it copies, because that user may still change them. Both were submitted by the library. The table has the median of the turns, and of the ratios within a turn. `warm` is the second half of the batches.",
    rows,
    skipped: isRoot ? [] : ['All of it: only root can give jobs to another user.'],
  };
};

async function measured(context: SuiteContext): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of context.sizes) {
    const work = await filesOf(context, size, 'waiting');
    const turns: Turn[] = [];
    for (let turn = 1; turn <= turnsOf(context, size); turn++) {
      context.say(`jobs of other users, ${size}, ${turn} of ${turnsOf(context, size)}`);
      const run = (uid?: number) => drained(join(context.folder, `${work.name}-${turn}-${uid ?? 'own'}`), work, uid);
      turns.push({ own: await run(), other: await run(otherUid) });
    }
    rows.push(rowOf(`${size}: ${ownName}`, work, turns, 'own'), rowOf(`${size}: ${otherName}`, work, turns, 'other'));
  }
  return rows;
}

type Run = Awaited<ReturnType<typeof drain>>;
type Turn = Record<'own' | 'other', Run>;

async function drained(folder: string, { files }: Workload, uid: number | undefined): Promise<Run> {
  const bus = await makeBus(folder, { export: { enabled: false } });
  await submitAll({ busRoot: bus.root, name: 'p', files, schemaHint: null, artifactsPerJob: 1 });
  if (uid !== undefined) giveAll(join(bus.root, 'inbox'), uid);
  return drain(bus);
}

/** Gives each job to a user, as if that user had submitted it. */
function giveAll(inbox: string, uid: number): void {
  for (const job of readdirSync(inbox)) {
    const folder = join(inbox, job);
    for (const name of readdirSync(folder)) chownSync(join(folder, name), uid, uid);
    chownSync(folder, uid, uid);
  }
}

function rowOf(what: string, work: Workload, turns: readonly Turn[], whose: keyof Turn): Row {
  const middle = (figure: (run: Run) => number) => median(turns.map(turn => figure(turn[whose])));
  const timesOwn = (figure: (run: Run) => number) =>
    round(median(turns.map(({ own, other }) => figure(own) / figure(other))));
  const warm = middle(run => run.warmPerSecond);
  return {
    what,
    ...rates(work, work.files.length / middle(run => run.jobs / run.seconds)),
    warm_jobs_per_s: Number.isNaN(warm) ? null : round(warm),
    cpu_ms_per_job: round((middle(run => run.cpuSeconds) * 1000) / work.files.length),
    ...(whose === 'other' && {
      times_own: timesOwn(run => run.jobs / run.seconds),
      warm_times_own: Number.isNaN(warm) ? null : timesOwn(run => run.warmPerSecond),
      cpu_times_own: timesOwn(run => 1 / run.cpuSeconds),
    }),
  };
}
