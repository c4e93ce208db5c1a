import type { Manifest } from '@quantbot/infra';
import { expect, test } from 'vitest';
import type { CheckedJob, VerifiedArtifact } from '../job.js';
import { partsOf } from '../loop/parts-of.js';
import { checkJournalText } from './journal-text.js';

const artifacts = (n: number) => Array.from({ length: n }, () => ({ columns: [] })) as unknown as VerifiedArtifact[];

const job = (n: number, meta: string) => {
  const manifest = { artifacts: artifacts(n), meta: { meta } } as unknown as Manifest;
  return { manifest, manifestLength: meta.length + 100 * n, artifacts: artifacts(n) } as unknown as CheckedJob & {
    manifest: Manifest;
  };
};

test('a small manifest that would become much text in the catalog is refused', () => {
  const check = (n: number, meta: string) => {
    const { manifest, manifestLength } = job(n, meta);
    checkJournalText(manifest, manifestLength, artifacts(n));
  };
  const meta = 'm'.repeat(500_000);
  expect(() => check(100, meta)).not.toThrow();
  expect(() => check(10_000, 'm'.repeat(5_000))).not.toThrow(); // its many artifacts are not repeated
  expect(() => check(200, meta)).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('split the job') }),
  );
});

test('jobs with much text are committed in several parts', () => {
  const jobs = Array.from({ length: 300 }, () => job(1, 'm'.repeat(900_000)));
  expect(partsOf(jobs).map(part => part.length)).toEqual([74, 74, 74, 74, 4]);
  expect(partsOf([...jobs.slice(0, 3), job(140, 'm'.repeat(500_000)), job(1, '')]).map(part => part.length)).toEqual([
    3, 1, 1,
  ]);
});
