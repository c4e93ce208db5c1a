import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { claim, listClaimed } from './claim.js';
import { discover } from './discover.js';

test('jobs are found once they have a COMMIT, in the order in which they were committed', async () => {
  const { bus, test: testBus } = await openInProcess();
  for (const [jobId, second] of [
    ['late', 30],
    ['early', 10],
    ['between', 20],
  ] as const) {
    const folder = writeToInbox(testBus, { jobId });
    utimesSync(join(folder, 'COMMIT'), second, second);
  }
  writeToInbox(testBus, { jobId: 'unfinished', commit: null });
  writeFileSync(join(bus.layout.inbox, 'a-file'), '');
  expect((await discover(bus)).map(job => job.name)).toEqual(['early', 'between', 'late']);
});

test('a claimed job is out of the inbox under a claim of the daemon’s own, and can be found there again', async () => {
  const { bus, test: testBus } = await openInProcess();
  writeToInbox(testBus, { jobId: 'job-1' });
  const { jobs: claimed } = await claim(bus, await discover(bus));
  expect(readdirSync(bus.layout.inbox)).toEqual([]);
  expect(claimed).toMatchObject([{ jobId: 'job-1', claim: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
  expect(await listClaimed(bus)).toEqual(claimed);
});

test('a claimed job says what lies in its folder besides the protocol’s own files', async () => {
  const { bus, test: testBus } = await openInProcess();
  const folder = writeToInbox(testBus, { jobId: 'job-1', files: { 'a.parquet': { content: 'xyz' } } });
  mkdirSync(join(folder, 'deeper'));
  const [job] = (await claim(bus, await discover(bus))).jobs;
  expect([...(job?.files ?? [])].map(([name, info]) => [name, info.kind]).sort()).toEqual([
    ['a.parquet', 'file'],
    ['deeper', 'folder'],
  ]);
  expect(job?.files?.get('a.parquet')?.bytes).toBe(3);
});

test('jobs wait in the inbox while those before them hold a thousand files', async () => {
  const { bus, test: testBus } = await openInProcess();
  for (const [second, jobId] of ['few', 'many', 'later'].entries()) {
    const folder = writeToInbox(testBus, { jobId });
    utimesSync(join(folder, 'COMMIT'), second, second);
    if (jobId === 'many') for (let i = 0; i < 1000; i++) writeFileSync(join(folder, `${i}.parquet`), '');
  }
  const first = await claim(bus, await discover(bus));
  expect(first.jobs.map(job => job.jobId)).toEqual(['few', 'many']);
  expect(first.left.map(job => job.name)).toEqual(['later']);
  expect(readdirSync(bus.layout.inbox)).toEqual(['later']);
  expect(await claim(bus, first.left)).toMatchObject({ jobs: [{ jobId: 'later' }], left: [] });
});

sampled('what lies in a folder is not looked at when it is more than any manifest could name', async () => {
  const { bus, test: testBus } = await openInProcess();
  const folder = writeToInbox(testBus, { jobId: 'crowded', commit: 'staged\n' });
  for (let i = 0; i < 20_001; i++) writeFileSync(join(folder, `left-over-${i}`), '');
  const { jobs } = await claim(bus, await discover(bus));
  expect(jobs).toMatchObject([{ jobId: 'crowded', files: undefined, own: false }]);
  expect(await listClaimed(bus)).toEqual(jobs);
});

test('a job that is gone by now is passed over, and the others are claimed', async () => {
  const { bus, test: testBus } = await openInProcess();
  const folder = writeToInbox(testBus, { jobId: 'gone' });
  writeToInbox(testBus, { jobId: 'stays' });
  const found = await discover(bus);
  rmSync(folder, { recursive: true });
  expect((await claim(bus, found)).jobs.map(job => job.jobId)).toEqual(['stays']);
});

test('a folder whose name is no id is claimed under one that is safe, the same each time', async () => {
  const { bus } = await openInProcess();
  const names = ['with space', '.hidden', 'ünï', 'x'.repeat(150), Buffer.from([0x66, 0xff, 0x66])];
  const claimAll = async () => {
    for (const name of names) {
      const folder = Buffer.concat([Buffer.from(`${bus.layout.inbox}/`), Buffer.from(name)]);
      mkdirSync(folder);
      writeFileSync(Buffer.concat([folder, Buffer.from('/COMMIT')]), '');
    }
    const ids = (await claim(bus, await discover(bus))).jobs.map(job => job.jobId).sort();
    expect(readdirSync(bus.layout.inbox)).toEqual([]);
    return ids;
  };
  const ids = await claimAll();
  expect(new Set(ids).size).toBe(names.length);
  for (const id of ids) expect(id).toMatch(/^invalid-[0-9a-f]{12}-[A-Za-z0-9._-]{0,40}$/);
  expect(await claimAll()).toEqual(ids);
});

test('a job that is a link is claimed as the link; what it leads to stays where it is', async () => {
  const { bus, test: testBus } = await openInProcess();
  const outside = join(testBus.folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'COMMIT'), '');
  symlinkSync(outside, join(bus.layout.inbox, 'linked'));
  expect((await claim(bus, await discover(bus))).jobs).toMatchObject([{ jobId: 'linked', files: undefined }]);
  expect(existsSync(join(outside, 'COMMIT'))).toBe(true);
});

test('what an earlier process left in claimed comes oldest first; other things there are left alone', async () => {
  const { bus } = await openInProcess();
  const [young, old] = ['young', 'old'].map(jobId => putClaimed(bus, { jobId }));
  utimesSync(join(old?.folder ?? '', 'COMMIT'), 10, 10);
  mkdirSync(join(bus.layout.claimed, 'something else'));
  expect(await listClaimed(bus)).toMatchObject([
    { ...old, submittedAtMs: 10_000 },
    { ...young, submittedAtMs: statSync(join(young?.folder ?? '', 'COMMIT')).mtimeMs },
  ]);
});
