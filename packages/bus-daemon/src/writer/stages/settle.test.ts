import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { removeTree } from '@quantbot/bus-format';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { journalRow, rejectedRow } from '@quantbot/bus-format/testing';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import type { Bus } from '../bus.js';
import { settle } from './settle.js';

const receiptPath = (bus: Bus, jobId = 'job-1') => join(bus.layout.processed, jobId, 'RECEIPT.json');
const reasonOf = (bus: Bus, name = 'job-1') =>
  JSON.parse(readFileSync(join(bus.layout.rejected, name, 'REJECT_REASON.json'), 'utf8'));
const receiptOf = (bus: Bus, name = 'job-1') => JSON.parse(readFileSync(receiptPath(bus, name), 'utf8'));

/** Settles a job that was committed with these rows. */
async function settleJob(bus: Bus, row: Partial<JournalRow>): Promise<void> {
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } });
  await settle(bus, [{ ...job, rows: [journalRow({ claim: job.claim, ...row })] }]);
}

test('an ingested job leaves its manifest and a receipt in processed', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, { seq: 5 });
  expect(readdirSync(join(bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
  expect(receiptOf(bus)).toMatchObject({ job_id: 'job-1', seq: 5, status: 'ingested' });
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});

test('a retry with identical bytes leaves the receipt that is there untouched', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, { seq: 5 });
  const before = lstatSync(receiptPath(bus));
  const text = readFileSync(receiptPath(bus), 'utf8');
  await settleJob(bus, { seq: 6, status: 'duplicate' });
  const after = lstatSync(receiptPath(bus));
  expect([after.ino, after.mtimeMs, readFileSync(receiptPath(bus), 'utf8')]).toEqual([
    before.ino,
    before.mtimeMs,
    text,
  ]);
  expect(readdirSync(bus.layout.processed)).toEqual(['job-1']);
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});

test('what a producer puts in the place of an earlier reason neither holds up nor hides the new one', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, rejectedRow({ seq: 5 }));
  unlinkSync(join(bus.layout.rejected, 'job-1/REJECT_REASON.json'));
  execFileSync('mkfifo', [join(bus.layout.rejected, 'job-1/REJECT_REASON.json')]);
  await settleJob(bus, rejectedRow({ seq: 6 }));
  expect(reasonOf(bus).seq).toBe(6);
});

test('an outcome that comes late does not take the place of a newer one', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, { seq: 9, sha256: 'c'.repeat(64) });
  for (let time = 1; time <= 2; time++) await settleJob(bus, { seq: 5 }); // again, as after a crash
  expect(receiptOf(bus).seq).toBe(9);
  expect(receiptOf(bus, 'job-1~5').seq).toBe(5);
  expect(readdirSync(bus.layout.processed).sort()).toEqual(['job-1', 'job-1~5']);
  await settleJob(bus, rejectedRow({ seq: 12 }));
  await settleJob(bus, rejectedRow({ seq: 11 }));
  expect([reasonOf(bus).seq, reasonOf(bus, 'job-1~11').seq]).toEqual([12, 11]);
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});

test('a job whose folder cannot be opened has its outcome all the same', async () => {
  const { bus } = await openInProcess();
  const gone = { claim: 'c'.repeat(16), jobId: 'job-1', folder: join(bus.layout.claimed, 'gone') };
  for (let time = 1; time <= 2; time++) {
    await settle(bus, [{ ...gone, rows: [journalRow({ claim: gone.claim, seq: 5 })] }]);
    await settle(bus, [{ ...gone, rows: [rejectedRow({ claim: gone.claim, seq: 6 })] }]);
  }
  expect(receiptOf(bus).seq).toBe(5);
  expect(reasonOf(bus)).toMatchObject({ seq: 6, job_id: 'job-1' });
  expect([readdirSync(bus.layout.processed), readdirSync(bus.layout.rejected)]).toEqual([['job-1'], ['job-1']]);
});

test('the same job id with other content archives the older receipt under its seq', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, { seq: 5 });
  await settleJob(bus, { seq: 9, sha256: 'c'.repeat(64) });
  expect(readdirSync(bus.layout.processed).sort()).toEqual(['job-1', 'job-1~5']);
  expect(receiptOf(bus).seq).toBe(9);
  expect(receiptOf(bus, 'job-1~5').seq).toBe(5);
  expect(readdirSync(bus.layout.processed).sort()).toEqual(['job-1', 'job-1~5']);
});

test('a torn receipt is archived as damaged, and a new one takes its place', async () => {
  const { bus } = await openInProcess();
  await settleJob(bus, { seq: 5 });
  writeFileSync(receiptPath(bus), '{"job_id": "jo');
  await settleJob(bus, { seq: 5 });
  expect(receiptOf(bus).seq).toBe(5);
  expect(readdirSync(bus.layout.processed).sort()).toEqual(['job-1', 'job-1~damaged']);
});

test('a rejected job is kept as it came, with the reason beside', async () => {
  const { bus } = await openInProcess();
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } });
  await settle(bus, [{ ...job, rows: [rejectedRow({ seq: 3 })] }]);
  expect(readdirSync(join(bus.layout.rejected, 'job-1')).sort()).toEqual([
    'COMMIT',
    'REJECT_REASON.json',
    'a.parquet',
    'manifest.json',
  ]);
  expect(reasonOf(bus)).toMatchObject({ job_id: 'job-1', seq: 3, code: 'ROWS_MISMATCH', details: ['one', 'two'] });
});

test('a job id that is rejected again archives the older rejection under its seq', async () => {
  const { bus } = await openInProcess();
  for (const seq of [3, 4, 8]) {
    const job = putClaimed(bus, { jobId: 'job-1' });
    await settle(bus, [{ ...job, rows: [rejectedRow({ seq })] }]);
  }
  expect(readdirSync(bus.layout.rejected).sort()).toEqual(['job-1', 'job-1~3', 'job-1~4']);
  expect(['job-1', 'job-1~3', 'job-1~4'].map(name => reasonOf(bus, name).seq)).toEqual([8, 3, 4]);
});

/** Jobs whose folder cannot hold the reason, and how to create each in `claimed/`. */
const strange: Record<string, (folder: string, outside: string) => void> = {
  'a link to a folder elsewhere': (folder, outside) => symlinkSync(outside, folder),
  'a link that leads nowhere': folder => symlinkSync('/nowhere/at/all', folder),
  'a plain file': folder => writeFileSync(folder, 'not a folder'),
  'a folder that has a folder of the name REJECT_REASON.json': folder =>
    mkdirSync(join(folder, 'REJECT_REASON.json'), { recursive: true }),
  'a folder whose REJECT_REASON.json is a link to a file elsewhere': (folder, outside) => {
    mkdirSync(folder);
    symlinkSync(join(outside, 'precious'), join(folder, 'REJECT_REASON.json'));
  },
};

test.each(Object.keys(strange))(
  '%s is rejected whole, into a new folder, and nothing outside is touched',
  async what => {
    const {
      bus,
      test: { folder },
    } = await openInProcess();
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), 'precious');
    const claimed = join(bus.layout.claimed, '0123456789abcdef~job-1');
    const settleStrange = async (seq: number) => {
      strange[what]?.(claimed, outside);
      await settle(bus, [{ claim: '0123456789abcdef', jobId: 'job-1', folder: claimed, rows: [rejectedRow({ seq })] }]);
    };
    await settleStrange(3);
    expect(reasonOf(bus)).toMatchObject({ seq: 3, code: 'ROWS_MISMATCH' });
    expect(readdirSync(join(bus.layout.rejected, 'job-1')).sort()).toEqual(['REJECT_REASON.json', 'job']);
    expect(readdirSync(bus.layout.claimed)).toEqual([]);
    await settleStrange(4);
    expect(reasonOf(bus).seq).toBe(4);
    expect(reasonOf(bus, 'job-1~3').seq).toBe(3);
    expect(readdirSync(outside)).toEqual(['precious']);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious');
  },
);

test('settling can be done again from every point at which a crash may have ended it', async () => {
  const { bus } = await openInProcess();
  const rows = [journalRow({ seq: 5 })];
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } });
  // A crash after the receipt was written and some files were removed.
  writeFileSync(join(job.folder, 'RECEIPT.json'), '{}');
  await settle(bus, [{ ...job, rows }]);
  expect(receiptOf(bus).seq).toBe(5);
  // A crash after the reason was written into a new folder, before the job was moved there.
  const claimed = join(bus.layout.claimed, '0123456789abcdef~job-2');
  writeFileSync(claimed, 'not a folder');
  const rejected = join(bus.layout.rejected, 'job-2');
  mkdirSync(rejected);
  writeFileSync(join(rejected, 'REJECT_REASON.json'), JSON.stringify({ seq: 7 }));
  await settle(bus, [
    { claim: '0123456789abcdef', jobId: 'job-2', folder: claimed, rows: [rejectedRow({ seq: 7, job_id: 'job-2' })] },
  ]);
  expect(reasonOf(bus, 'job-2').code).toBe('ROWS_MISMATCH');
  expect(existsSync(join(rejected, 'job'))).toBe(true);
  expect(readdirSync(bus.layout.rejected)).toEqual(['job-2']);
});

/** Settles a job whose folder is known to hold manifest, COMMIT and these files. */
async function settleKnown(bus: Bus, leftovers: readonly string[], commit = 'staged\n'): Promise<string> {
  const files = Object.fromEntries(leftovers.map(name => [name, { content: 'x' }]));
  const job = putClaimed(bus, { jobId: 'job-1', files, commit });
  await settle(bus, [{ ...job, own: true, leftovers, rows: [journalRow({ claim: job.claim, seq: 5 })] }]);
  return join(bus.layout.processed, 'job-1');
}

test('in a folder that is known, COMMIT becomes the receipt, and all else but the manifest goes', async () => {
  const { bus } = await openInProcess();
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } }, commit: 'staged\n' });
  const { ino } = lstatSync(join(job.folder, 'COMMIT'));
  await settle(bus, [{ ...job, leftovers: ['a.parquet'], rows: [journalRow({ claim: job.claim, seq: 5 })] }]);
  expect(readdirSync(join(bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
  expect(lstatSync(receiptPath(bus)).ino).toBe(ino);
  expect(receiptOf(bus)).toMatchObject({ job_id: 'job-1', seq: 5, status: 'ingested' });
});

test.each([
  ['has another name', linkSync],
  ['is a link', symlinkSync],
])('a COMMIT that %s is not written over', async (_how, link) => {
  const { bus, test: testBus } = await openInProcess();
  const precious = join(testBus.folder, 'precious');
  writeFileSync(precious, 'precious');
  const job = putClaimed(bus, { jobId: 'job-1' });
  unlinkSync(join(job.folder, 'COMMIT'));
  link(precious, join(job.folder, 'COMMIT'));
  await settle(bus, [{ ...job, own: true, leftovers: [], rows: [journalRow({ claim: job.claim, seq: 5 })] }]);
  expect(readFileSync(precious, 'utf8')).toBe('precious');
  expect(receiptOf(bus).seq).toBe(5);
});

test.each([
  ['longer than the receipt', 'x'.repeat(5000)],
  ['empty', ''],
])('a COMMIT that is %s leaves a receipt that is whole', async (_how, commit) => {
  const { bus } = await openInProcess();
  const folder = await settleKnown(bus, ['a.parquet'], commit);
  expect(readdirSync(folder).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
  expect(receiptOf(bus).seq).toBe(5);
});

test('a receipt that the job brought is replaced', async () => {
  const { bus } = await openInProcess();
  const folder = await settleKnown(bus, ['RECEIPT.json', 'a.parquet']);
  expect(readdirSync(folder).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
  expect(receiptOf(bus).seq).toBe(5);
});

test('names that are no text go with the rest', async () => {
  const { bus } = await openInProcess();
  const job = putClaimed(bus, { jobId: 'job-1' });
  writeFileSync(Buffer.concat([Buffer.from(`${job.folder}/`), Buffer.from([0x66, 0xff])]), '');
  await settle(bus, [{ ...job, rows: [journalRow({ claim: job.claim, seq: 5 })] }]);
  expect(readdirSync(join(bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
});

test.each([
  [
    'more files than are removed at once',
    (folder: string) => {
      for (let i = 0; i <= 1000; i++) writeFileSync(join(folder, `left-over-${i}`), '');
    },
  ],
  [
    'a folder',
    (folder: string) => {
      mkdirSync(join(folder, 'deeper'));
      writeFileSync(join(folder, 'deeper/file'), '');
    },
  ],
  ['a folder of the receipt’s name', (folder: string) => mkdirSync(join(folder, 'RECEIPT.json'))],
])('a job in which %s lies has its receipt before that is removed', async (_what, fill) => {
  const { bus } = await openInProcess();
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } });
  fill(job.folder);
  const manifest = readFileSync(join(job.folder, 'manifest.json'), 'utf8');
  const committed = { ...job, rows: [journalRow({ claim: job.claim, seq: 5 })] };
  for (let time = 1; time <= 2; time++) {
    await settle(bus, [committed]); // again, as after a crash
    expect(readdirSync(join(bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
    expect(readFileSync(join(bus.layout.processed, 'job-1/manifest.json'), 'utf8')).toBe(manifest);
    expect(receiptOf(bus).seq).toBe(5);
    expect(readdirSync(bus.layout.building)).toEqual([]);
  }
  const left = join(bus.layout.claimed, `.left-${job.claim}~job-1`);
  expect(bus.leftBehind).toEqual([left, left]);
  expect(readdirSync(bus.layout.claimed)).toEqual([basename(left)]);
  await removeTree(left);
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});
