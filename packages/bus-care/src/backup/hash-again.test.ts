import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { parseBusConfig } from '@quantbot/infra/config';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { hashAgain } from './hash-again.js';

const dayMs = 86_400_000;
const digests = Array.from({ length: 2000 }, (_, n) => hash('sha256', String(n)));

async function dueAt(nowMs: number, takenAt: string | undefined, interval: unknown = '7d') {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'backup'));
  if (takenAt !== undefined) writeFileSync(join(folder, 'backup/backup.json'), JSON.stringify({ takenAt }));
  const config = parseBusConfig(JSON.stringify({ scrub: { interval } }), join(folder, 'bus_config.json'));
  const isDue = await hashAgain(config, busLayout(join(folder, 'backup')), nowMs);
  return digests.filter(isDue);
}

test('backups of one interval together hash each copy once, each of them its share', async () => {
  const start = Date.UTC(2026, 0, 1);
  const seen = new Map<string, number>();
  for (let day = 0; day < 7; day++) {
    const due = await dueAt(start + (day + 1) * dayMs, new Date(start + day * dayMs).toISOString());
    expect(due.length).toBeGreaterThan(digests.length / 14);
    for (const digest of due) seen.set(digest, (seen.get(digest) ?? 0) + 1);
  }
  expect([seen.size, Math.max(...seen.values())]).toEqual([digests.length, 1]);
});

test.each([
  ['the first one', undefined, '7d'],
  ['one after more than an interval', '2025-12-20T00:00:00Z', '7d'],
  ['one whose time is damaged', 'x', '7d'],
  ['one after the clock was set back', '2027-01-01T00:00:00Z', '7d'],
  ['one of a bus that is never scrubbed', '2025-12-31T23:00:00Z', null],
])('%s hashes everything', async (_, takenAt, interval) => {
  expect(await dueAt(Date.UTC(2026, 0, 1), takenAt, interval)).toHaveLength(digests.length);
});
