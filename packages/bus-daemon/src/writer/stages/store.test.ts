import { hash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { claimedNumbers } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { isRejected } from '../job.js';
import { decide } from './decide.js';
import { store } from './store.js';
import { verify } from './verify.js';

const sha256Of = (path: string) => hash('sha256', readFileSync(path));

/** A job that is about to be stored: its hashed file, and the path in the store. */
async function decidedJob() {
  const { bus, test: testBus } = await openInProcess();
  const batch = await decide(bus, await verify(bus, [await claimedNumbers(bus, testBus)]));
  const [job] = batch.jobs;
  if (job === undefined || isRejected(job)) throw new Error('the job was rejected');
  const [artifact] = job.artifacts;
  if (artifact === undefined) throw new Error('the job has no artifact');
  return { bus, batch, file: artifact.file, target: join(bus.layout.root, artifact.relPath) };
}

test('what is stored is the very file that was hashed, read-only', async () => {
  const { bus, batch, file, target } = await decidedJob();
  const { ino } = lstatSync(file);
  await store(bus, batch);
  expect(lstatSync(target)).toMatchObject({ ino, mode: 0o100444 });
});

test.for<[string, (file: string) => void]>([
  [
    'another file',
    file => {
      writeFileSync(`${file}.other`, 'something else');
      renameSync(`${file}.other`, file);
    },
  ],
  [
    'a link',
    file => {
      unlinkSync(file);
      symlinkSync('/etc/hostname', file);
    },
  ],
])('%s that was put in its place after the hash does not come into the store', async ([, swap]) => {
  const { bus, batch, file, target } = await decidedJob();
  swap(file);
  await expect(store(bus, batch)).rejects.toThrow('was replaced');
  expect(readdirSync(dirname(target))).toEqual([]);
});

test('a file that cannot be linked, because it lies on another device, is copied', async context => {
  const { bus, batch, file, target } = await decidedJob();
  const elsewhere = join('/dev/shm', `quantbot-store-${process.pid}.parquet`);
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(file).dev) return context.skip();
  copyFileSync(file, elsewhere);
  onTestFinished(() => rmSync(elsewhere));
  const [job] = batch.jobs;
  if (job === undefined || isRejected(job)) throw new Error('the job was rejected');
  for (const artifact of job.artifacts)
    Object.assign(artifact, { file: elsewhere, inode: statSync(elsewhere).ino, sha256: '0'.repeat(64) });
  await expect(store(bus, batch)).rejects.toThrow('was replaced'); // by another file than the hashed one
  expect(readdirSync(dirname(target))).toEqual([]);
  for (const artifact of job.artifacts) artifact.sha256 = sha256Of(file);
  await store(bus, batch);
  expect(readFileSync(target)).toEqual(readFileSync(file));
  expect(lstatSync(target)).toMatchObject({ mode: 0o100444, nlink: 1 });
});
