import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjects } from '@quantbot/infra/objects';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { InboxScan } from './inbox-scan.js';

/** Creates an inbox in a folder. */
async function inbox() {
  const { folder, remove } = sharedFolder();
  onTestFinished(remove);
  mkdirSync(join(folder, 'inbox'));
  const put = (name: string) => writeFileSync(join(folder, 'inbox', name), '{}');
  return {
    objects: await openObjects(pathToFileURL(folder).href),
    folder,
    put,
    /** Adds a submission. Its digits decide its place in the order of keys. */
    submit: (n: number) => put(`job-${n}~${'0'.repeat(16)}.json`),
    remove: (key: string) => rmSync(join(folder, key)),
  };
}

test.each([1, 4, 64])('junk goes although jobs fill every batch of %d', async maxJobs => {
  const { objects, put, submit, remove } = await inbox();
  for (let n = 0; n < 5; n++) put(`${n % 2 ? 'a' : 'z'}-junk-${n}`);
  for (let n = 0; n < 2 * maxJobs; n++) submit(n);
  const scan = new InboxScan(objects, maxJobs);
  const gone: string[] = [];
  let next = 2 * maxJobs;
  for (let looks = 0; looks < 40 && gone.length < 5; looks++) {
    const { entries, limit } = await scan.next(new Set());
    expect(limit).toBeLessThanOrEqual(maxJobs + Math.ceil(maxJobs / 8));
    for (const { key } of entries.slice(0, limit)) {
      remove(key);
      if (key.includes('junk')) gone.push(key);
      else submit(next++); // another job comes for each that went
    }
  }
  expect(gone).toHaveLength(5);
});

test('a job at the end of a long inbox is found while new ones come before it', async () => {
  const { objects, put, submit, remove } = await inbox();
  put(`z~${'0'.repeat(16)}.json`);
  let next = 1_000_000;
  for (let n = 0; n < 1500; n++) submit(next++);
  const scan = new InboxScan(objects, 100);
  const last = 'inbox/z~0000000000000000.json';
  for (let looks = 0; looks < 4; looks++) {
    const { entries, limit } = await scan.next(new Set());
    const taken = entries.slice(0, limit);
    if (taken.some(({ key }) => key === last)) return;
    for (const { key } of taken) {
      remove(key);
      submit(next++);
    }
  }
  expect.unreachable('the job waits behind those that came later');
});

test('an entry whose key is too long to be removed is no job, and the inbox is empty without it', async () => {
  const { objects, folder } = await inbox();
  const deep = join(folder, 'inbox', ...Array.from({ length: 4 }, () => 'x'.repeat(240)));
  mkdirSync(dirname(deep), { recursive: true });
  writeFileSync(deep, '{}');
  expect(await objects.list('inbox/')).toHaveLength(1);
  const scan = new InboxScan(objects, 1);
  expect((await scan.next(new Set())).entries).toEqual([]);
  expect(scan.isEmpty).toBe(true);
});

test('the inbox is empty once a look has covered it and found nothing', async () => {
  const { objects, submit, remove } = await inbox();
  const scan = new InboxScan(objects, 1);
  submit(1);
  const { entries } = await scan.next(new Set());
  expect(entries).toHaveLength(1);
  expect(scan.isEmpty).toBe(false);
  remove(entries[0]?.key ?? '');
  await scan.next(new Set());
  expect(scan.isEmpty).toBe(true);
});
