import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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
