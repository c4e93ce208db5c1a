import { expect, test } from 'vitest';
import { ExportShare } from './export-share.js';

/** Runs exports as soon as they may, for an hour. Returns the share of the time that they took. */
function shareOf(share: number, exports: readonly { name: string; tookMs: number }[]): number {
  const budget = new ExportShare(share);
  const hourMs = 3_600_000;
  let now = 0;
  let spentMs = 0;
  while (now < hourMs) {
    const due = exports.map(item => ({ ...item, at: budget.mayStartAt(item.name) })).sort((a, b) => a.at - b.at)[0];
    if (due === undefined) break;
    now = Math.max(now, due.at);
    budget.spend(due.name, now, now + due.tookMs);
    now += due.tookMs;
    spentMs += due.tookMs;
  }
  return spentMs / now;
}

test.each([
  ['one large table', [{ name: 'large', tookMs: 8_000 }]],
  ['many small tables', Array.from({ length: 60 }, (_, i) => ({ name: `t${i}`, tookMs: 250 }))],
  ['large and small ones', [8_000, 100, 2_500].map(tookMs => ({ name: String(tookMs), tookMs }))],
])('%s that always have something new take their share of the time, and no more', (_, exports) => {
  expect(shareOf(0.2, exports)).toBeGreaterThan(0.18);
  expect(shareOf(0.2, exports)).toBeLessThan(0.205);
});

test('hundreds of small exports that are due together run without a pause', () => {
  const budget = new ExportShare(0.2);
  let now = 0;
  for (let i = 0; i < 300; i++) {
    expect(budget.mayStartAt(`t${i}`)).toBeLessThanOrEqual(now);
    budget.spend(`t${i}`, now, now + 30);
    now += 30;
  }
});

test('a large export waits for four times as long as it took; with a share of 1 it never waits', () => {
  const fifth = new ExportShare(0.2);
  fifth.spend('large', 1_000, 9_000);
  expect(fifth.mayStartAt('large')).toBeCloseTo(9_000 + 4 * 8_000);
  expect(fifth.mayStartAt('other')).toBeLessThan(9_000);
  const all = new ExportShare(1);
  all.spend('large', 1_000, 9_000);
  expect(all.mayStartAt('large')).toBe(9_000);
});

test('small exports run in groups once their share is used up', () => {
  const budget = new ExportShare(0.2);
  let now = 0;
  let pauses = 0;
  for (let i = 0; i < 1_000; i++) {
    const at = budget.mayStartAt(`t${i}`);
    if (at > now) pauses += 1;
    now = Math.max(now, at) + 20;
    budget.spend(`t${i}`, now - 20, now);
  }
  expect(pauses).toBeGreaterThan(0);
  expect(pauses).toBeLessThan(12);
});
