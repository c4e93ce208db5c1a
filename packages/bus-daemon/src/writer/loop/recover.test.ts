import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCommits } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { repairReceipts } from './recover.js';

test('where names ignore case, the receipt of a job whose id differs in case is not overwritten', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 1);
  const [row] = await bus.journal.ingestedBetween(0, 1);
  const jobId = row?.job_id ?? '';
  const path = join(bus.layout.processed, jobId, 'RECEIPT.json');
  const receipt = JSON.parse(readFileSync(path, 'utf8'));
  const ofOther = JSON.stringify({ ...receipt, job_id: jobId.toUpperCase(), seq: 2 });
  expect(jobId.toUpperCase()).not.toBe(jobId);
  writeFileSync(path, ofOther);
  expect(await repairReceipts(bus)).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe(ofOther);
  writeFileSync(path, JSON.stringify({ ...receipt, job_id: 'another' }));
  expect(await repairReceipts(bus)).toBe(1);
});

test('a repaired receipt has nothing beside it that an earlier repair left when it was killed', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 1);
  const [row] = await bus.journal.ingestedBetween(0, 1);
  const folder = join(bus.layout.processed, row?.job_id ?? '');
  const before = readdirSync(folder);
  writeFileSync(join(folder, 'RECEIPT.json'), '');
  writeFileSync(join(folder, `.RECEIPT.json.${'a'.repeat(12)}.tmp`), '{');
  expect(await repairReceipts(bus)).toBe(1);
  expect(readdirSync(folder)).toEqual(before);
});
