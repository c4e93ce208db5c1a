import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkBus } from '../src/checker.js';
import { type LedgerJob, readLedger } from '../src/ledger.js';
import { makeBus } from '../src/make-bus.js';
import { drain, mustEndWell, startProducer } from '../src/processes.js';
import { listFiles } from '../src/tree.js';

let folder: string;
let jobs: Map<string, LedgerJob>;

beforeAll(async () => {
  folder = await makeBus();
  await mustEndWell(startProducer(folder, 'p', 12, 42), 'the producer');
  await drain(folder);
  jobs = readLedger(join(folder, 'ledger.jsonl'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Checks a damaged copy of the healthy bus. The copy is in the original's place, because its views
 * name the files there.
 */
async function damaged(damage: (data: string) => void): Promise<string[]> {
  const data = join(folder, 'data');
  const healthy = join(folder, 'healthy');
  renameSync(data, healthy);
  try {
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true });
    damage(data);
    return await checkBus(data, jobs);
  } finally {
    rmSync(data, { recursive: true, force: true });
    renameSync(healthy, data);
  }
}

const firstPart = (data: string): string =>
  readdirSync(join(data, 'exports/trades')).find(name => name.endsWith('.parquet')) as string;
const firstFile = (data: string, below: string): string => join(data, below, listFiles(join(data, below))[0] as string);

describe('the checker', () => {
  test('finds nothing wrong with a healthy bus', async () => {
    expect(await checkBus(join(folder, 'data'), jobs)).toEqual([]);
    expect(await damaged(() => {})).toEqual([]);
  });

  test.each<[string, (data: string) => void, RegExp]>([
    [
      'a file of a dataset that is gone',
      data => rmSync(join(data, 'exports/trades', firstPart(data))),
      /export trades: has .*, its manifest names/,
    ],
    [
      'a file of a dataset that was changed',
      data => appendFileSync(join(data, 'exports/trades', firstPart(data)), 'x'),
      /is not what its manifest says/,
    ],
    [
      'a folder that a dataset has left',
      data => mkdirSync(join(data, 'exports/.marks.0123456789abcdef.dataset')),
      /export marks: leads to/,
    ],
    ['a stored file that is gone', data => rmSync(firstFile(data, 'bus/store')), /in the journal, not in the store/],
    [
      'a stored file that was changed',
      data => {
        chmodSync(firstFile(data, 'bus/store'), 0o644);
        appendFileSync(firstFile(data, 'bus/store'), 'x');
        chmodSync(firstFile(data, 'bus/store'), 0o444);
      },
      /its bytes are not what the journal says/,
    ],
    ['a stored file that can be written', data => chmodSync(firstFile(data, 'bus/store'), 0o644), /is not read-only/],
    [
      'an orphan in the store',
      data => writeFileSync(join(data, 'bus/store/faults/load/x@y.parquet'), 'x'),
      /in the store, not in the journal/,
    ],
    ['a receipt that is torn', data => writeFileSync(firstReceipt(data), ''), /RECEIPT.json cannot be read/],
    [
      'a settled job that is gone',
      data => rmSync(join(data, 'bus/processed', ingestedJob()), { recursive: true }),
      /must lie in processed, lies in nothing/,
    ],
    [
      'a job left behind in claimed/',
      data => mkdirSync(join(data, 'bus/claimed/0123456789abcdef~job')),
      /claimed\/.*left behind/,
    ],
    ['a stray file', data => writeFileSync(join(data, 'exports/.ticks.parquet.tmp'), ''), /a stray file/],
    ['commits that are gone', data => removeCommits(data), /acknowledged, but the journal does not know it/],
    [
      'an export that is not the one its status names',
      data => appendFileSync(join(data, 'exports/ticks.parquet'), 'x'),
      /not the one that its status names/,
    ],
  ])('sees %s', async (_, damage, problem) => {
    expect((await damaged(damage)).join('\n')).toMatch(problem);
  });

  test('sees a job that was acknowledged and never arrived', async () => {
    const lost: LedgerJob = { jobId: 'job-lost', acknowledged: true, expect: 'ingested', artifacts: [] };
    expect(await checkBus(join(folder, 'data'), new Map([...jobs, ['job-lost', lost]]))).toEqual([
      expect.stringContaining('job-lost: acknowledged, but the journal does not know it'),
    ]);
  });
});

const ingestedJob = (): string => [...jobs.values()].find(job => job.expect === 'ingested')?.jobId as string;
const firstReceipt = (data: string): string => join(data, 'bus/processed', ingestedJob(), 'RECEIPT.json');

function removeCommits(data: string): void {
  const hot = join(data, 'bus/journal/hot');
  for (const name of readdirSync(hot)) if (Number(name) > 0) rmSync(join(hot, name), { recursive: true });
  const segments = join(data, 'bus/journal/segments');
  for (const name of readdirSync(segments)) rmSync(join(segments, name));
  expect(readFileSync(join(hot, '000000000000/commit.parquet')).length).toBeGreaterThan(0);
}
