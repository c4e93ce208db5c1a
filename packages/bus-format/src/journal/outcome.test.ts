import { busLayout } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { isOutcomeOf, receiptOf, textOf } from './outcome.js';
import { emptyRow, type JournalRow } from './row.js';

const row: JournalRow = {
  ...emptyRow,
  seq: 1,
  ordinal: 0,
  claim: 'c',
  committed_at: 0,
  status: 'ingested',
  job_id: 'job-1',
  run_id: 'r',
  producer: 'p',
  kind: 'k',
  artifact_key: 'r/p/k/a',
  rel_path: 'store/p/k/r@a.parquet',
  rows: 1,
  bytes: 1,
  sha256: '0'.repeat(64),
};

const receiptIn = (root: string): string => textOf(receiptOf(busLayout(root), [row]));

test('a receipt names the root that the bus had when it was written, also one that differs by one character', () => {
  for (const root of ['/srv/bus1', '/srv/bus2', '/srv/other'])
    expect(isOutcomeOf(receiptIn(root), busLayout('/srv/bus1'), [row]), root).toBe(true);
});

test('a receipt with a flipped bit is not the receipt, wherever the bit is', () => {
  const text = Buffer.from(receiptIn('/srv/bus1'));
  for (let at = 0; at < text.length; at++) {
    const flipped = Buffer.from(text);
    flipped[at] = (flipped[at] as number) ^ 1;
    expect(isOutcomeOf(flipped.toString(), busLayout('/srv/bus1'), [row]), `byte ${at}`).toBe(false);
  }
});
