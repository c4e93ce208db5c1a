import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { CommitOf, Link, Weather } from './link.js';
import type { Member, World } from './world.js';

/** Something that goes wrong, and its end. */
export interface Fault {
  name: string;
  /** What it needs for itself while it lasts; two faults that share one do not overlap. */
  needs: 'member' | 'postgres' | 'objects' | CommitOf;
  /** How often it is drawn, beside the others. */
  weight: number;
  /** Undefined where it cannot be made. */
  run: ((world: World, random: Random, member: Member) => Promise<void>) | undefined;
}

/** The faults that can be made here. */
export function faultsOf(world: World, { leaseS }: { leaseS: number }): Fault[] {
  const isS3 = world.s3 !== undefined;
  const cables = world.inNamespaces;
  const all: Fault[] = [
    { name: 'a daemon is killed', needs: 'member', weight: 4, run: killed },
    { name: 'the publisher is killed', needs: 'member', weight: 2, run: publisherKilled },
    { name: 'the publisher is frozen longer than its lease', needs: 'member', weight: 3, run: frozen(leaseS) },
    { name: 'a daemon loses PostgreSQL', needs: 'member', weight: 2, run: parted('postgres', 'refuse') },
    { name: 'a daemon loses PostgreSQL in silence', needs: 'member', weight: 2, run: parted('postgres', 'hold') },
    { name: 'the answer to a COMMIT of the journal is cut', needs: 'journal', weight: 4, run: cut('journal') },
    { name: 'the answer to a COMMIT of the lake is cut', needs: 'lake', weight: 4, run: cut('lake') },
    { name: 'PostgreSQL crashes and restarts', needs: 'postgres', weight: 1, run: restarted },
    {
      name: 'the replica is promoted',
      needs: 'postgres',
      weight: 1,
      run: world.options.withReplica === false ? undefined : promoted,
    },
    {
      name: 'a daemon loses the objects',
      needs: 'member',
      weight: 2,
      run: isS3 ? parted('objects', 'refuse') : undefined,
    },
    {
      name: 'a daemon loses the objects in silence',
      needs: 'member',
      weight: 2,
      run: isS3 ? parted('objects', 'hold') : undefined,
    },
    {
      name: 'a daemon loses both in silence',
      needs: 'member',
      weight: 2,
      run: isS3 && cables ? partedFromBoth : undefined,
    },
    { name: 'the object store answers 503', needs: 'objects', weight: 1, run: isS3 ? weather('503') : undefined },
    {
      name: 'the object store refuses the credentials',
      needs: 'objects',
      weight: 1,
      run: isS3 ? weather('403') : undefined,
    },
    { name: 'the object store is slow', needs: 'objects', weight: 1, run: isS3 ? weather('slow') : undefined },
    { name: 'the object store is down', needs: 'objects', weight: 1, run: isS3 ? weather('refuse') : undefined },
  ];
  return all.filter(({ run }) => run !== undefined);
}

async function killed(world: World, random: Random, member: Member): Promise<void> {
  await world.kill(member);
  await sleep(random.int(0, 500));
  world.start(member);
}

/** The daemon that has the publisher's lock; the one that was drawn, if none has it. */
async function publisher(world: World, other: Member): Promise<Member> {
  const rows = await world.postgres
    .query(`SELECT client_port FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory'`, 'bus')
    .catch(() => []);
  return world.members.find(({ postgres }) => rows.some(row => postgres.hasPort(Number(row.client_port)))) ?? other;
}

async function publisherKilled(world: World, random: Random, member: Member): Promise<void> {
  await killed(world, random, await publisher(world, member));
}

const frozen = (leaseS: number) => async (world: World, random: Random, member: Member) => {
  const { process } = await publisher(world, member);
  process?.kill('SIGSTOP');
  await sleep(leaseS * 1000 + random.int(300, 2500));
  process?.kill('SIGCONT');
};

/** In silence, where the machine has network namespaces, a cable is taken out. */
const parted =
  (from: 'postgres' | 'objects', how: 'refuse' | 'hold') => async (_: World, random: Random, member: Member) => {
    const { cable } = member.host;
    const link = member[from] as Link;
    const ms = random.int(300, 2500);
    if (how === 'hold' && cable !== undefined) {
      cable(from, false);
      await sleep(ms);
      if (random.next() < 0.5) link.reset(); // the server has given the connections up meanwhile
      cable(from, true);
      return;
    }
    link.set(how);
    await sleep(ms);
    if (random.next() < 0.5) link.reset();
    link.set('pass');
  };

async function partedFromBoth(_: World, random: Random, { host }: Member): Promise<void> {
  for (const to of ['postgres', 'objects'] as const) host.cable?.(to, false);
  await sleep(random.int(300, 2500));
  for (const to of ['postgres', 'objects'] as const) host.cable?.(to, true);
}

const cutMs = 10_000;

/** Whichever daemon commits next loses the answer. */
const cut = (of: CommitOf) => async (world: World) => {
  const cuts = () => world.members.reduce((sum, { postgres }) => sum + postgres.cuts, 0);
  const before = cuts();
  for (const { postgres } of world.members) postgres.cutAfterCommit(of, true);
  for (let waited = 0; waited < cutMs && cuts() === before; waited += 20) await sleep(20);
  for (const { postgres } of world.members) postgres.cutAfterCommit(of, false);
};

async function restarted(world: World, random: Random): Promise<void> {
  await world.postgres.restart(random.int(0, 1000));
}

/** Ends the old server. The links then lead to the new one, which gets a replica. */
async function promoted(world: World): Promise<void> {
  if (!(await world.postgres.isInStep())) return;
  await world.postgres.promote();
  for (const { postgres } of world.members) postgres.reset();
  world.readers.reset();
  await world.postgres.addStandby();
}

const weather = (what: Weather) => async (world: World, random: Random) => {
  for (const { objects } of world.members) objects?.set(what);
  await sleep(random.int(300, 2500));
  for (const { objects } of world.members) objects?.set('pass');
};

/** Fills the inbox with entries that are no submissions, as a producer gone wrong could. */
export function floodInbox(world: World, entries: number): void {
  mkdirSync(join(world.objectsFolder, 'inbox'), { recursive: true });
  for (let i = 0; i < entries; i++)
    writeFileSync(join(world.objectsFolder, 'inbox', `junk ${String(i).padStart(6, '0')}`), 'junk');
}

/** Takes away what is left of a flood. */
export function endFlood(world: World): number {
  const folder = join(world.objectsFolder, 'inbox');
  const left = readdirSync(folder).filter(name => name.startsWith('junk '));
  for (const name of left) rmSync(join(folder, name), { force: true });
  return left.length;
}
