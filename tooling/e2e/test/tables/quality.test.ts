import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifacts } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** A job per name, each with one file for canon.trades. */
async function submitAll(bus: TestBus, selects: Record<string, string>): Promise<void> {
  for (const [runId, select] of Object.entries(selects))
    await submit(bus, { runId, jobId: runId, schemaHint: 'canon.trades', select });
}

async function withRules(quality: object): Promise<TestBus> {
  const bus = makeTestBus({ canon: { tables: { trades: { quality } } } });
  await drain(bus);
  return bus;
}

/** The details of a rejection; undefined if the job was not rejected for its quality. */
function brokenBy(bus: TestBus, jobId: string): string[] | undefined {
  const reason = JSON.parse(readFileSync(join(bus.layout.rejected, jobId, 'REJECT_REASON.json'), 'utf8'));
  return reason.code === 'QUALITY_FAILED' ? reason.details : undefined;
}

const runs = async (bus: TestBus) =>
  (await query(bus, "SELECT run_id FROM catalog.artifacts_f WHERE schema_hint = 'canon.trades' ORDER BY run_id")).map(
    ({ run_id }) => run_id,
  );

test('an artifact that breaks a rule is rejected with column, row and value, and the others of the batch are not', async () => {
  const bus = await withRules({
    rows: { min: 1, max: 3 },
    unique: ['id'],
    columns: {
      price: { not_null: true, min: 0, max: 1000 },
      token: { matches: '[A-Z]{3,5}' },
      day: { min: '2020-01-01' },
    },
  });
  const row = (id: number, price: string, token = "'SPX'", day = '2026-01-31') =>
    `SELECT ${id}::BIGINT AS id, ${price}::DOUBLE AS price, ${token}::VARCHAR AS token, DATE '${day}' AS day`;
  const good = row(1, '5');
  await submitAll(bus, {
    good,
    edges: `${row(1, '0')} UNION ALL ${row(2, '1000', 'NULL')} UNION ALL SELECT NULL, 1, 'ABC', NULL`,
    low: `${good} UNION ALL ${row(2, '-1.5')} UNION ALL ${row(3, '-2')}`,
    high: row(1, '1000.5'),
    nan: row(1, "'nan'"),
    null: row(1, 'NULL'),
    text: row(1, '5', "'spx'"),
    old: row(1, '5', "'SPX'", '2019-12-31'),
    twice: `${good} UNION ALL ${row(7, '1')} UNION ALL ${row(7, '2')}`,
    empty: `${good} LIMIT 0`,
    long: [1, 2, 3, 4].map(id => row(id, '1')).join(' UNION ALL '),
    missing: "SELECT 1::BIGINT AS id, 'SPX' AS token",
  });
  await drain(bus);
  expect(await runs(bus)).toEqual(['edges', 'good']);
  const broken = Object.fromEntries(
    ['low', 'high', 'nan', 'null', 'text', 'old', 'twice', 'empty', 'long', 'missing'].map(id => [
      id,
      brokenBy(bus, id),
    ]),
  );
  expect(broken).toEqual({
    low: ['price: -1.5 in row 2 is less than the minimum of 0 (2 of 3 rows)'],
    high: ['price: 1000.5 in row 1 is more than the maximum of 1000 (1 of 1 rows)'],
    nan: [
      'price: nan in row 1 is less than the minimum of 0 (1 of 1 rows)',
      'price: nan in row 1 is more than the maximum of 1000 (1 of 1 rows)',
    ],
    null: ['price: NULL in row 1 must have a value (1 of 1 rows)'],
    text: ['token: spx in row 1 does not match [A-Z]{3,5} (1 of 1 rows)'],
    old: ['day: 2019-12-31 in row 1 is less than the minimum of 2020-01-01 (1 of 1 rows)'],
    twice: ['id: 7 occurs again in row 3 (1 values are not unique)'],
    empty: ['rows: the file has 0, and at least 1 are wanted'],
    long: ['rows: the file has 4, and at most 3 are wanted'],
    missing: ['price: the file has no such column'],
  });
  const shown = await quantbotBus(bus, 'rejected', 'low');
  expect(shown.stdout).toContain('QUALITY_FAILED');
  expect(shown.stdout).toContain('bus_config.json (quality)');
});

sampled('a column must be fresh at the submission, and a rule that cannot apply rejects', async () => {
  const bus = await withRules({
    columns: {
      ts: { fresh_within: '1h' },
      day: { fresh_within: '2d' },
      é: { fresh_within: '2d' },
      É: { fresh_within: '9d' },
      name: { min: 1 },
    },
  });
  const times = (ago: string) => `SELECT (now() - INTERVAL ${ago})::TIMESTAMP AS ts`;
  await submitAll(bus, {
    fresh: `${times('1 minute')} UNION ALL ${times('9 days')}`,
    stale: times('2 hours'),
    zone: 'SELECT now() - INTERVAL 2 HOUR AS ts',
    day: 'SELECT current_date - 3 AS day',
    today: 'SELECT current_date AS day, NULL::TIMESTAMP AS ts',
    open: `${times('1 minute')} UNION ALL SELECT unnest(['infinity', '-infinity']::TIMESTAMP[])`,
    hidden: `${times('2 hours')} UNION ALL SELECT 'infinity'::TIMESTAMP`,
    never: "SELECT '-infinity'::DATE AS day",
    text: "SELECT 'a' AS name",
    accent: 'SELECT current_date - 5 AS "É", current_date - 5 AS "é"',
  });
  await drain(bus);
  expect(brokenBy(bus, 'accent')).toEqual([expect.stringMatching(/^é: the newest value is/)]);
  expect((await runs(bus)).sort()).toEqual(['fresh', 'open', 'today']);
  expect(brokenBy(bus, 'stale')).toEqual([
    expect.stringMatching(/^ts: the newest value is .*Z, more than 3600 s before/),
  ]);
  expect(brokenBy(bus, 'day')).toEqual([expect.stringMatching(/^day: the newest value is/)]);
  expect(brokenBy(bus, 'hidden')).toEqual([expect.stringMatching(/^ts: the newest value is/)]);
  expect(brokenBy(bus, 'never')).toEqual(['day: each value is infinite, and none is new']);
  expect(brokenBy(bus, 'text')).toEqual(['name: min 1 cannot be applied to VARCHAR']);
});

sampled('whole numbers and DECIMALs keep exact bounds, and a unique key of two columns ignores NULL', async () => {
  const bus = await withRules({
    unique: ['a', 'b'],
    columns: { whole: { min: 0.5, max: '9007199254740993' }, exact: { max: '0.1' } },
  });
  const row = (a: number, b: string, whole: string, exact = '0.10') =>
    `SELECT ${a} AS a, ${b}::INTEGER AS b, ${whole}::BIGINT AS whole, ${exact}::DECIMAL(38,20) AS exact`;
  await submitAll(bus, {
    good: `${row(1, 'NULL', '1')} UNION ALL ${row(1, 'NULL', '9007199254740993')} UNION ALL ${row(1, '2', '1')}`,
    zero: row(1, '1', '0'),
    above: row(1, '1', '9007199254740994'),
    exact: row(1, '1', '1', '0.10000000000000000001'),
    twice: `${row(1, '2', '1')} UNION ALL ${row(1, '2', '1')}`,
  });
  await drain(bus);
  expect(await runs(bus)).toEqual(['good']);
  expect(brokenBy(bus, 'twice')).toEqual(['a, b: 1, 2 occurs again in row 2 (1 values are not unique)']);
});

test('a duplicate stays a success after new rules, and what the table has stays', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const old = { before: 'SELECT -1 AS price' };
  await submitAll(bus, old);
  await drain(bus);
  const stricter = testBusIn(bus.folder, {
    canon: { tables: { trades: { quality: { columns: { price: { min: 0 } } } } } },
  });
  await submit(stricter, { runId: 'before', jobId: 'again', schemaHint: 'canon.trades', select: old.before });
  await submitAll(stricter, { after: 'SELECT -1 AS price' });
  await drain(stricter);
  expect(brokenBy(stricter, 'after')).toHaveLength(1);
  expect((await quantbotBus(stricter, 'jobs', 'again')).stdout).toContain('duplicate');
  expect(await quantbotBus(stricter, 'rebuild')).toMatchObject({ code: 0 });
  expect(await runs(stricter)).toEqual(['before']);
});

sampled(
  'an artifact in quarantine is kept and listed, and its rows come into the table once it is released',
  async () => {
    const bus = await withRules({ on_failure: 'quarantine', columns: { price: { min: 0 } } });
    await submitAll(bus, { good: 'SELECT 1 AS price' });
    await drain(bus);
    await submitAll(bus, { bad: "SELECT -1 AS price, 'new' AS extra" });
    await drain(bus);
    const key = 'bad/tests/numbers/numbers';
    const problem = 'price: -1 in row 1 is less than the minimum of 0 (1 of 1 rows)';
    const prices = () => query(bus, 'SELECT price::INTEGER AS price FROM canon.trades ORDER BY price');
    expect(await prices()).toEqual([{ price: 1 }]);
    const columns = await query(bus, 'SELECT column_name FROM (DESCRIBE canon.trades)');
    expect(columns.map(({ column_name }) => column_name)).not.toContain('extra');
    const receipt = JSON.parse(readFileSync(join(bus.layout.processed, 'bad', 'RECEIPT.json'), 'utf8'));
    expect(receipt).toMatchObject({ status: 'ingested', artifacts: [{ key, quarantined: [problem] }] });
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    expect(await catalog.artifacts({ quarantined: true })).toMatchObject([
      { key, schemaHint: 'quarantine.trades', quarantined: [problem] },
    ]);
    expect(await catalog.latest({ producer: 'tests', kind: 'numbers' })).toMatchObject({ runId: 'good' });
    expect((await quantbotBus(bus, 'release')).stdout).toBe(`${key}  canon.trades, 1 rows, seq 2\n  ${problem}\n`);
    // The same submission again is a duplicate, and stays where it is.
    await submit(bus, {
      runId: 'bad',
      jobId: 'again',
      schemaHint: 'canon.trades',
      select: "SELECT -1 AS price, 'new' AS extra",
    });
    await drain(bus);
    expect((await quantbotBus(bus, 'jobs', 'again')).stdout).toContain('duplicate');
    expect(await quantbotBus(bus, 'release', 'good/tests/numbers/numbers')).toMatchObject({ code: 1 });

    const released = await quantbotBus(bus, 'release', key, '--reason', 'it was right');
    expect(released).toMatchObject({ code: 0, stdout: `${key} is released as ${key}.released as of seq 4\n` });
    expect(await prices()).toEqual([{ price: -1 }, { price: 1 }]);
    expect((await quantbotBus(bus, 'release')).stdout).toBe('nothing is in quarantine\n');
    expect(await catalog.artifacts({ runId: 'bad', limit: 1 })).toMatchObject([
      {
        key: `${key}.released`,
        inputs: [key],
        quarantined: null,
        provenance: { released: { key, reason: 'it was right' } },
      },
    ]);
    await using before = await catalog.asOf(3);
    expect(await before.query('SELECT price::INTEGER AS price FROM canon.trades')).toEqual([{ price: 1 }]);
    expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
    expect(await prices()).toEqual([{ price: -1 }, { price: 1 }]);
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  },
);

sampled(
  'in quarantine, other artifacts of the job go into their table, and only an input in quarantine is released',
  async () => {
    const bus = await withRules({ on_failure: 'quarantine', rows: { min: 2 } });
    const parquetPath = await produce(bus, numbers(1));
    const long = await produce(bus, numbers(2));
    const job = { runId: 'r', producer: 'p', kind: 'k', busRoot: bus.layout.root };
    const artifact = (artifactId: string, path: string) => ({
      artifactId,
      parquetPath: path,
      schemaHint: 'canon.trades',
    });
    const plain = { artifactId: 'plain', parquetPath };
    await submitArtifacts({ ...job, artifacts: [artifact('short', parquetPath), artifact('long', long), plain] });
    await drain(bus);
    await submitArtifacts({
      ...job,
      artifacts: [artifact('other', parquetPath)],
      inputs: ['r/p/k/long', 'r/p/k/plain', 'r/p/k/none'],
    });
    await drain(bus);
    await submitArtifacts({ ...job, artifacts: [artifact('same', parquetPath)], inputs: ['r/p/k/short'] });
    await drain(bus);
    const hints = await query(bus, 'SELECT artifact_id, schema_hint FROM catalog.artifacts_f ORDER BY seq, ordinal');
    expect(hints.map(({ artifact_id, schema_hint }) => `${artifact_id} ${schema_hint}`)).toEqual([
      'short quarantine.trades',
      'long canon.trades',
      'plain null',
      'other quarantine.trades',
      'same canon.trades',
    ]);
  },
);
