import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc } from '@quantbot/tooling-testing/properties';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { listHotCommits, listSegments, segmentName, seqName, tableFileName } from './files.js';

function folderWith(...names: string[]): string {
  const folder = temporaryFolder();
  for (const name of names) writeFileSync(join(folder, name), 'x'.repeat(10));
  return folder;
}

const rangesOf = (segments: readonly { first: number; last: number }[]) => segments.map(s => [s.first, s.last]);

test('the widest segments are alive, in order, and what lies within a wider one is garbage', async () => {
  const folder = folderWith(segmentName(11, 20), segmentName(1, 4), segmentName(5, 10), segmentName(1, 10));
  const { live, garbage } = await listSegments(folder);
  expect(rangesOf(live)).toEqual([
    [1, 10],
    [11, 20],
  ]);
  expect(live[0]).toEqual({ first: 1, last: 10, name: '000000000001-000000000010.parquet', bytes: 10 });
  expect(garbage.sort()).toEqual([segmentName(1, 4), segmentName(5, 10)]);
});

test('segments beyond the switch are not looked at: what they cover is still what was there before', async () => {
  const folder = folderWith(segmentName(1, 4), segmentName(5, 10), segmentName(1, 20));
  const { live } = await listSegments(folder, 10);
  expect(rangesOf(live)).toEqual([
    [1, 4],
    [5, 10],
  ]);
});

test('other files are no segments, and a missing folder has none', async () => {
  const folder = folderWith('1-4.parquet', `${segmentName(1, 4)}.tmp`, `.${segmentName(1, 4)}`, 'README');
  expect(await listSegments(folder)).toEqual({ live: [], garbage: [] });
  expect(await listSegments(join(folder, 'missing'))).toEqual({ live: [], garbage: [] });
});

test('however segments were added and merged, the live ones cover everything once, without a hole', async () => {
  const base = temporaryFolder();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ grow: fc.integer({ min: 1, max: 9 }), merge: fc.integer({ min: 0, max: 4 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      async steps => {
        const names = new Set<string>();
        let live: [number, number][] = [];
        for (const { grow, merge } of steps) {
          const last = live.at(-1)?.[1] ?? 0;
          live.push([last + 1, last + grow]);
          const group = live.slice(-merge - 1);
          const merged: [number, number] = [group[0]?.[0] ?? 1, last + grow];
          names.add(segmentName(last + 1, last + grow)).add(segmentName(...merged));
          live = [...live.slice(0, -merge - 1), merged];
        }
        const folder = join(base, String(runs++));
        mkdirSync(folder);
        for (const name of names) writeFileSync(join(folder, name), '');
        const listed = await listSegments(folder);
        expect(rangesOf(listed.live)).toEqual(live);
        expect(listed.live.length + listed.garbage.length).toBe(names.size);
      },
    ),
    { numRuns: 50 },
  );
});

test('commits are listed in order, without the empty one and whatever else lies there', async () => {
  const folder = temporaryFolder();
  for (const name of [seqName(100), seqName(9), seqName(0), 'x', '12']) mkdirSync(join(folder, name));
  expect(await listHotCommits(folder)).toEqual([9, 100]);
});

test('names have fixed width, so that the order of names is the order of numbers', () => {
  const seqs = [1, 9, 10, 99, 100, 999_999_999_999];
  expect(seqs.map(seqName).sort()).toEqual(seqs.map(seqName));
  expect(tableFileName('trades', 2, 7, 3)).toBe('trades~2~000000000007-00003.parquet');
});
