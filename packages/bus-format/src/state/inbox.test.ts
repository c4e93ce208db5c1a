import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findWaiting, lookIntoInbox } from './inbox.js';

/** A file system that keeps any time. */
const keepsAnyTime = '/dev/shm';

test.skipIf(!existsSync(keepsAnyTime))(
  'a job whose files have a time after all dates is listed with the last date',
  async () => {
    const inbox = mkdtempSync(join(keepsAnyTime, 'quantbot-inbox-'));
    onTestFinished(() => rmSync(inbox, { recursive: true }));
    for (const job of ['whole', 'uncommitted']) mkdirSync(join(inbox, job));
    writeFileSync(join(inbox, 'whole/COMMIT'), '');
    for (const path of ['whole/COMMIT', 'uncommitted']) utimesSync(join(inbox, path), 9e15, 9e15);
    expect(Number.isNaN(statSync(join(inbox, 'uncommitted')).mtime.getTime())).toBe(true);
    const { waiting, uncommitted } = await lookIntoInbox(inbox);
    const times = [...waiting, ...uncommitted].map(({ since }) => since);
    const last = Date.parse('+275760-09-13T00:00:00.000Z');
    expect([...times, findWaiting(inbox, 'whole')?.submittedAtMs]).toEqual([last, last, last]);
  },
);

test('a file, a FIFO and a link in the inbox are no jobs, and no folder of another user', async () => {
  const inbox = mkdtempSync(join(tmpdir(), 'quantbot-inbox-'));
  onTestFinished(() => rmSync(inbox, { recursive: true }));
  mkdirSync(join(inbox, 'job'));
  writeFileSync(join(inbox, 'file'), '');
  symlinkSync('loop', join(inbox, 'loop'));
  symlinkSync('job', join(inbox, 'link'));
  spawnSync('mkfifo', [join(inbox, 'fifo')]);
  const { total, uncommitted, closed, strays } = await lookIntoInbox(inbox);
  expect(uncommitted.map(({ name }) => name)).toEqual(['job']);
  expect({ total, closed, strays: strays.sort() }).toEqual({
    total: 5,
    closed: [],
    strays: ['fifo', 'file', 'link', 'loop'],
  });
});
