import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog, readParquet } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const folder = join(import.meta.dirname, '../../buses');
const versions = readdirSync(folder).flatMap(name => /^(.+)\.tar\.gz$/.exec(name)?.[1] ?? []);

/** Unpacks a bus as its version left it, with hard links and modes. */
function keptBus(version: string): TestBus {
  const into = temporaryFolder();
  execFileSync('tar', ['-xzf', join(folder, `${version}.tar.gz`), '-C', into]);
  return testBusIn(into, { canon: { tables: { orders: { mode: 'upsert', key: ['id'] } } } });
}

const json = async (bus: TestBus, ...args: string[]) => JSON.parse((await quantbotBus(bus, ...args, '--json')).stdout);

const orders = 'SELECT id, state FROM canon.orders ORDER BY id';

const values = {
  whole: '9007199254740993',
  exact: '12.345',
  near: 0.1,
  word: 'Zürich',
  at: '2026-01-31T12:00:00.123456Z',
  day: '2026-01-31',
  yes: true,
  list: [1, 2, null],
  pair: { a: 1, b: 'x' },
  nothing: null,
};

test('a bus of at least one version is kept', () => expect(versions).toContain('0.1.0'));

describe.each(versions)('a bus that version %s wrote', version => {
  test('opens, verifies, and settles the job that waited', async () => {
    const bus = keptBus(version);
    expect(await quantbotBus(bus, 'migrate')).toMatchObject({ code: 0 });
    await drain(bus);
    expect(await quantbotBus(bus, 'verify', '--deep')).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(bus.layout.inbox, 'waits'))).toBe(false);
    expect(await query(bus, orders)).toEqual([
      { id: 1, state: 'open' },
      { id: 2, state: 'filled' },
      { id: 3, state: 'filled' },
      { id: 4, state: 'open' },
    ]);
    expect(await json(bus, 'query', 'SELECT * EXCLUDE (_seq, _artifact_key) FROM canon.values')).toEqual([values]);
  });

  sampled('keeps its past, aliases, marks and refusals, and takes new jobs', async () => {
    const bus = keptBus(version);
    await drain(bus);
    expect(await json(bus, 'query', orders, '--as-of', '2')).toEqual([
      { id: 1, state: 'open' },
      { id: 2, state: 'open' },
    ]);
    await using catalog = await openCatalog({ config: bus.configPath });
    const prod = await catalog.latest({ producer: 'keeper', kind: 'notes', alias: 'prod' });
    expect(await readParquet(prod?.path ?? '')).toEqual([{ note: 'keep me' }]);
    const [gone] = await json(bus, 'query', "SELECT forgotten_at FROM catalog.artifacts_f WHERE run_id = 'old'");
    expect(gone).toEqual({ forgotten_at: expect.any(String) });
    expect(await json(bus, 'rejected')).toMatchObject([{ reason: { code: 'ARTIFACT_CONFLICT' } }]);
    const select = "SELECT 1 AS id, 'closed' AS state";
    await submit(bus, { producer: 'keeper', kind: 'orders', schemaHint: 'canon.orders', select });
    await drain(bus);
    expect(await query(bus, orders)).toContainEqual({ id: 1, state: 'closed' });
    expect(await readParquet(join(bus.folder, 'data/exports/orders.parquet'))).toHaveLength(4);
    expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  });
});
