import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Intake } from './intake.js';

/** A bus whose claims take `maxJobs` jobs, and a function that returns the ids of each claim. */
async function intakeOf(maxJobs: number) {
  const { bus, test: testBus, advance } = await openInProcess({ batch: { max_jobs: maxJobs } });
  const intake = new Intake(bus);
  const put = (producer: string, count: number, prefix = `${producer}-`) => {
    const ids = Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`);
    for (const jobId of ids) writeToInbox(testBus, { jobId, manifest: { producer } });
    return ids;
  };
  const take = async () => {
    const ids = (await intake.claimed()).map(({ jobId }) => jobId);
    intake.keepOnly(() => false);
    await bus.files.request({ task: 'producer', orders: [] }); // resolves after all earlier requests
    return ids;
  };
  const takeAll = async () => {
    const taken: string[][] = [];
    for (let ids = await take(); ids.length > 0; ids = await take()) taken.push(ids);
    return taken;
  };
  return { bus, intake, advance, put, take, takeAll };
}

/** The beginning of ids as the libraries make them; three digits follow. */
const made = (producer: string) => `20260131T120000123Z-${producer}-9f2c61d0a`;

const intakeOfFour = () => intakeOf(4);

const claimOf = (taken: readonly string[][], jobId: string) => taken.findIndex(ids => ids.includes(jobId));

test('a job of one producer does not wait for all that another has submitted before', async () => {
  const { put, takeAll } = await intakeOfFour();
  const many = put('many', 100);
  put('few', 1);
  const taken = await takeAll();
  expect(claimOf(taken, 'few-000')).toBeLessThan(8);
  expect(taken.flat().filter(id => id.startsWith('many'))).toEqual(many); // the jobs of each producer keep their order
});

test('an id that the libraries make tells the producer: its jobs have their turn in the first claim', async () => {
  const { put, take } = await intakeOfFour();
  put('many', 100, made('many'));
  const few = put('few', 1, made('few'));
  expect(await take()).toEqual(expect.arrayContaining(few));
});

test('the first claim of many jobs is small, so that the first of them are stored while others are verified', async () => {
  const { put, take } = await intakeOf(100);
  put('many', 180);
  expect(await take()).toHaveLength(64);
  expect(await take()).toHaveLength(100);
  expect(await take()).toHaveLength(16);
});

test('jobs that fit into one batch are taken together', async () => {
  const { put, take } = await intakeOf(100);
  put('many', 100);
  expect(await take()).toHaveLength(100);
});

test('nor does one that comes while the others wait, if the system tells of it', async () => {
  const { intake, put, take, takeAll } = await intakeOfFour();
  put('many', 100);
  for (let claims = 0; claims < 5; claims++) await take();
  for (const id of put('few', 2)) intake.hint(id);
  const taken = await takeAll();
  expect(Math.max(claimOf(taken, 'few-000'), claimOf(taken, 'few-001'))).toBeLessThan(6);
  expect(taken.flat()).toHaveLength(82);
});

test('beside a producer of many, batches are small, and one of few jobs has its turn soon', async () => {
  const { intake, put, take, advance } = await intakeOf(32);
  put('many', 400);
  put('few', 1, 'few-first-');
  for (let i = 0; i < 3; i++) await take();
  const come = async (prefix: string) => {
    const ids = put('few', 3, prefix);
    for (const id of ids) intake.hint(id);
    return { ids, claims: [await take(), await take()] };
  };
  for (const prefix of ['few-a-', 'few-b-', 'few-c-']) {
    const { ids, claims } = await come(prefix);
    expect(claims.flat()).toEqual(expect.arrayContaining(ids));
    expect(Math.max(...claims.map(claimed => claimed.length))).toBeLessThan(4);
  }
  expect(await take()).toHaveLength(1);
  advance(60_000); // the producer with few jobs is no longer active
  await take();
  expect(await take()).toHaveLength(32);
});

test('producers of few jobs do not keep one of many waiting for longer than a turn', async () => {
  const { intake, put, take } = await intakeOf(32);
  const many = new Set(put('many', 200));
  for (let i = 0; i < 3; i++) await take();
  const withMany: boolean[] = [];
  for (let i = 0; i < 8; i++) {
    for (const id of put(`few-${i}`, 5)) intake.hint(id);
    withMany.push((await take()).some(id => many.has(id)));
  }
  for (const [i, has] of withMany.entries()) expect(has || withMany[i + 1] !== false).toBe(true);
});

test('producers who have all about the same waiting do not make each other small batches', async () => {
  const { put, take } = await intakeOf(32);
  put('p0', 2 * 32 + 72); // the first ones are taken before their manifests are read
  for (let i = 1; i < 4; i++) put(`p${i}`, 40);
  await take();
  expect([(await take()).length, (await take()).length]).toEqual([32, 32]);
});

test('all jobs are taken, also those whose producers nobody can read', async () => {
  const { bus, put, takeAll } = await intakeOfFour();
  put('many', 20);
  put('few', 10, 'x'.repeat(20));
  writeToInbox({ layout: bus.layout } as never, { jobId: 'none', manifest: null });
  writeToInbox({ layout: bus.layout } as never, { jobId: 'broken', manifest: '{' });
  const taken = (await takeAll()).flat();
  expect([taken.length, new Set(taken).size]).toEqual([32, 32]);
});

test.runIf(process.getuid?.() === 0)('another user is one producer, whatever the manifests say', async () => {
  const { bus, put, takeAll } = await intakeOfFour();
  for (let i = 0; i < 30; i++)
    for (const id of put(`name-${i}`, 1)) chownSync(join(bus.layout.inbox, id, 'COMMIT'), 41_002, 41_002);
  put('ours', 3);
  const taken = await takeAll();
  expect(claimOf(taken, 'ours-002')).toBeLessThan(4);
});
