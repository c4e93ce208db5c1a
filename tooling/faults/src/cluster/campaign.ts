import { setTimeout as sleep } from 'node:timers/promises';
import { readLedger } from '../ledger.js';
import type { Random } from '../random.js';
import { checkCluster } from './checker.js';
import { endFlood, type Fault, faultsOf, floodInbox } from './faults.js';
import { LakeReader } from './lake.js';
import { clusterMutants } from './mutants.js';
import { Observer } from './observer.js';
import { ended, type Member, World, type WorldOptions } from './world.js';

/** What a campaign found. */
export interface CampaignResult {
  problems: string[];
  /** How often each fault was made. */
  faults: Map<string, number>;
  /** COMMITs whose answer was cut. */
  cuts: number;
  jobs: number;
  acknowledged: number;
  receipts: number;
  /** Acknowledged operations that forget artifacts. */
  forgets: number;
  /** From the last fault until nothing was left to do. */
  healedMs: number;
}

export interface CampaignOptions extends WorldOptions {
  faults: number;
  random: Random;
  /** Only faults whose name has this in it. */
  only?: string | RegExp;
  producers?: number;
  pauseMs?: number;
  /** So many entries that are no submissions come into the inbox halfway. */
  flood?: number;
  tell?: (line: string) => void;
  /** Ends the campaign, with all its processes. */
  signal?: AbortSignal;
}

/** Generous: on a loaded machine, a cluster settles one operation a second. */
const healMs = 600_000;
/** A mutant may never have done. */
const mutantHealMs = 20_000;

/**
 * Lets faults hit a cluster under load, then waits until it has nothing left to do, and checks.
 * Faults overlap, but for two at the same daemon or the same server.
 */
export async function clusterCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { signal, mutant } = options;
  const world = await World.open(options);
  let keep = true;
  try {
    signal?.throwIfAborted();
    const result = await Promise.race([campaignIn(world, options), aborted(signal)]);
    keep = result.problems.length > 0 && mutant === undefined;
    if (keep) result.problems.push(`left for looking at: ${world.folder}`);
    return result;
  } finally {
    await world.close({ keep: keep && signal?.aborted !== true });
  }
}

const aborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));

async function campaignIn(world: World, options: CampaignOptions): Promise<CampaignResult> {
  const { random, producers = 2, pauseMs = 120, tell = () => {} } = options;
  await setUp(world, random);
  const early = await LakeReader.attach(world);
  const observer = new Observer(world.objectsFolder, early);
  observer.start();
  for (let p = 0; p < producers; p++)
    world.startProducer(`p${p}`, random.int(1, 1e9), { pauseMs, jobs: Number.MAX_SAFE_INTEGER });
  const faults = await makeFaults(world, options, tell);
  await world.stopProducers();
  if (options.flood) tell(`${endFlood(world)} of ${options.flood} entries that are no submissions are left`);
  const began = performance.now();
  const problems = await heal(world, options.mutant === undefined ? healMs : mutantHealMs);
  const healedMs = Math.round(performance.now() - began);
  await observer.stop();
  const late = await LakeReader.attach(world);
  const submitted = readLedger(world.ledger);
  problems.push(
    ...observer.problems,
    ...(await checkCluster({
      journal: sql => world.postgres.query(sql, 'bus'),
      readers: new Map([
        ['a reader that attached before the faults', early.query],
        ['a reader that attached after them', late.query],
      ]),
      objects: world.objectsFolder,
      submitted,
      gone: observer.gone,
    })),
  );
  late.close();
  early.close();
  return {
    problems,
    faults,
    cuts: world.members.reduce((sum, { postgres }) => sum + postgres.cuts, 0),
    jobs: submitted.size,
    acknowledged: [...submitted.values()].filter(({ acknowledged }) => acknowledged).length,
    receipts: observer.receipts,
    forgets: [...submitted.values()].filter(({ acknowledged, op }) => acknowledged && op?.type === 'forget').length,
    healedMs,
  };
}

/** The first job fixes the columns of all tables, before any fault. */
async function setUp(world: World, random: Random): Promise<void> {
  for (const member of world.members) world.start(member);
  await ended(world.startProducer('first', random.int(1, 1e9), { pauseMs: 0, jobs: 1 }));
  if (!(await idle(world, healMs))) throw new Error(`The first job was not settled: see ${world.folder}`);
}

async function makeFaults(
  world: World,
  options: CampaignOptions,
  tell: (line: string) => void,
): Promise<Map<string, number>> {
  const { random, only = clusterMutants[options.mutant ?? '']?.faults } = options;
  const possible = faultsOf(world, { leaseS: options.leaseS ?? 1 }).filter(
    ({ name }) => only === undefined || (typeof only === 'string' ? name.includes(only) : only.test(name)),
  );
  if (possible.length === 0) throw new Error('There is no such fault here.');
  const made = new Map<string, number>();
  const taken = new Set<unknown>();
  const running: Promise<void>[] = [];
  const failed: unknown[] = [];
  for (let n = 0; n < options.faults; n++) {
    if (n === Math.floor(options.faults / 2) && options.flood) floodInbox(world, options.flood);
    let drawn = draw(possible, world.members, taken, random);
    for (; drawn === undefined; drawn = draw(possible, world.members, taken, random)) await sleep(20);
    const { fault, member, needs: own } = drawn;
    for (const one of own) taken.add(one);
    made.set(fault.name, (made.get(fault.name) ?? 0) + 1);
    tell(`${n + 1} ${fault.name} (daemon ${member.index})`);
    running.push(
      (fault.run as NonNullable<Fault['run']>)(world, random, member)
        .catch(error => void failed.push(error))
        .finally(() => {
          for (const one of own) taken.delete(one);
        }),
    );
    await sleep(random.int(100, 800));
  }
  await Promise.all(running);
  if (failed.length > 0) throw failed[0];
  return made;
}

/** Draws a fault by weight, among those for which everything that they need is free. */
function draw(faults: readonly Fault[], members: readonly Member[], taken: ReadonlySet<unknown>, random: Random) {
  const member = random.pick(members);
  const free = faults
    .map(fault => ({ fault, member, needs: needsOf(fault, member) }))
    .filter(({ needs }) => !needs.some(one => taken.has(one)));
  let left = random.next() * free.reduce((sum, { fault }) => sum + fault.weight, 0);
  for (const one of free) {
    left -= one.fault.weight;
    if (left < 0) return one;
  }
  return free[0];
}

function needsOf({ name, needs }: Fault, member: Member): unknown[] {
  if (needs !== 'member') return [needs];
  return name.includes('publisher') ? [member, 'publisher'] : [member];
}

/** Waits until nothing is left to do. */
async function heal(world: World, ms: number): Promise<string[]> {
  const isDone = await idle(world, ms);
  const left = isDone ? [] : [`after ${ms / 1000} s without faults there are jobs left: ${await leftIn(world)}`];
  return [...world.ended, ...left];
}

/** Whether nothing is left to do within some time. */
async function idle(world: World, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let quiet = 0; quiet < 3; ) {
    quiet = (await leftIn(world)) === '' ? quiet + 1 : 0;
    if (performance.now() > deadline) return false;
    await sleep(100);
  }
  return true;
}

async function leftIn(world: World): Promise<string> {
  const [row] = await world.postgres
    .query(
      `SELECT (SELECT seq FROM bus.head) AS seq, (SELECT count(*) FROM bus.jobs WHERE NOT settled) AS unsettled,
         (SELECT count(*) FROM bus.fragments WHERE object IS NULL) AS fragments,
         (SELECT count(*) FROM bus.journal WHERE status IN ('forgotten', 'erased')
            AND seq > (SELECT seq FROM bus.removal)) AS forgotten`,
      'bus',
    )
    .catch(() => []);
  if (row === undefined) return 'PostgreSQL does not answer';
  const waiting = world.entriesOfInbox();
  return Number(row.seq) > 0 && Number(row.unsettled) + Number(row.fragments) + Number(row.forgotten) + waiting === 0
    ? ''
    : `${waiting} in the inbox, ${row.unsettled} without a receipt, ${row.fragments} fragments missing, ${row.forgotten} forgotten with bytes`;
}
