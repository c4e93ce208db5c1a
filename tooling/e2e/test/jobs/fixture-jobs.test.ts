import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rejectCodes } from '@quantbot/infra';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';
import {
  canBuild,
  type Expectation,
  type JobCase,
  type PlacedJob,
  placeJobCase,
  readJobCases,
} from '../support/job-fixtures.js';
import { query } from '../support/query.js';

interface Reason {
  code: string;
  error: string;
  hint: string;
  details: string[];
}

/**
 * Returns the entry of a job in `rejected/`. A job whose folder name is not an id has another name
 * there, so it is found by elimination.
 */
function rejectionOf(bus: TestBus, folder: string | Buffer): Reason | undefined {
  const path = join(bus.layout.rejected, String(folder), 'REJECT_REASON.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Reason) : undefined;
}

function outcomeOf(bus: TestBus, { folder, expect: expected }: PlacedJob): Expectation {
  const name = String(folder);
  if (existsSync(join(bus.layout.processed, name, 'RECEIPT.json')))
    return { status: JSON.parse(readFileSync(join(bus.layout.processed, name, 'RECEIPT.json'), 'utf8')).status };
  const reason = rejectionOf(bus, folder);
  if (reason === undefined) return { status: 'ignored' };
  const { field } = expected as { field?: string };
  const named = field !== undefined && reason.details.some(detail => detail.startsWith(field));
  return { status: 'rejected', code: reason.code, ...(named && { field }) };
}

/** The table of the jobs that break a rule. */
const checkedTable = { checked: { quality: { rows: { min: 1_000_000 } } } };

const isId = (folder: string | Buffer): boolean =>
  typeof folder === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(folder);

test('every fixture job becomes what it must, in one inbox with all the others', { timeout: 240_000 }, async () => {
  const bus = makeTestBus({ limits: { decode_s: 1 }, canon: { tables: checkedTable } });
  await drain(bus);
  const outside = join(bus.folder, 'outside');
  mkdirSync(outside);
  const cases = readJobCases().filter(canBuild);
  const placed = new Map<JobCase, PlacedJob[]>(cases.map(job => [job, placeJobCase(job, bus.layout.root, outside)]));
  const good = await submit(bus, { runId: 'good' });
  const secrets = readdirSync(outside, { recursive: true }).map(String).sort();
  await drain(bus);

  // Jobs whose folder name is an id: check each one.
  const wrong: object[] = [];
  for (const [{ name }, jobs] of placed)
    for (const job of jobs) {
      const outcome = isId(job.folder) ? outcomeOf(bus, job) : job.expect;
      if (JSON.stringify(outcome) !== JSON.stringify(job.expect))
        wrong.push({ name, folder: job.folder, expected: job.expect, outcome });
    }
  expect(wrong).toEqual([]);

  // Jobs whose folder name is not an id: expect as many rejections under the daemon's names, with
  // the same codes.
  const unnamed = [...placed.values()].flat().filter(job => !isId(job.folder) && job.expect.status === 'rejected');
  const substitutes = readdirSync(bus.layout.rejected).filter(name => name.startsWith('invalid-'));
  expect(substitutes.map(name => rejectionOf(bus, name)?.code).sort()).toEqual(
    unnamed.map(job => (job.expect as { code: string }).code).sort(),
  );

  // No other job was harmed, no job is stuck, and nothing outside was changed.
  expect((await good.settled()).status).toBe('ingested');
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
  expect(readdirSync(outside, { recursive: true }).map(String).sort()).toEqual(secrets);
  const [row] = await query(bus, `SELECT count(*) AS n FROM catalog.jobs_f WHERE status = 'rejected'`);
  expect(row?.n).toBe(readdirSync(bus.layout.rejected).length);
});

test('every rejection says a sentence and what to do', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const outside = join(bus.folder, 'outside');
  mkdirSync(outside);
  for (const job of readJobCases().filter(canBuild).slice(0, 40)) placeJobCase(job, bus.layout.root, outside);
  await drain(bus);
  for (const name of readdirSync(bus.layout.rejected)) {
    const reason = rejectionOf(bus, name);
    expect(reason?.error).toMatch(/^[\s\S]{10,}\.$/);
    expect(reason?.hint).toMatch(/^[A-Z][\s\S]{10,}\.$/);
  }
});

test('there is a fixture job for every code of a rejection', () => {
  const codes = new Set(
    readJobCases()
      .flatMap(job => [job, ...(job.before ?? [])])
      .map(job => (job.expect as { code?: string }).code),
  );
  // An unreadable file needs a user other than root. The case exists, and is skipped where it
  // cannot be built.
  expect(Object.keys(rejectCodes).filter(code => !codes.has(code))).toEqual([]);
});
