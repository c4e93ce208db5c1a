import { canonicalSchemas, TableRegistry } from '@quantbot/bus-format/canon';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { queryPublished } from '../../../test/support/published.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from '../stages/verify.js';
import { compactHot } from './compact.js';

async function commit({ bus, test }: InProcessBus, select: string) {
  const files = { 'a.parquet': await writeSelect(test.folder, select) };
  const jobId = `job-${bus.journal.lastSeq + 1}`;
  const manifest = { artifacts: [{ artifact_id: jobId, relpath: 'a.parquet', schema_hint: 'canon.t' }] };
  await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId, files, manifest })]));
}

const operators = ['=', '<>', '<', '<=', '>', '>='];

/** Returns, by operator, the values that a comparison with a constant finds. */
async function found({ bus }: Pick<InProcessBus, 'bus'>, constant: string) {
  await new Publisher(bus).publishOrThrow();
  const sets = operators.map(
    operator =>
      `(SELECT list(CAST(x AS VARCHAR) ORDER BY x) FROM canon.t WHERE x ${operator} ${constant}) AS "${operator}"`,
  );
  return (await queryPublished(bus, `SELECT ${sets.join(', ')}`))[0];
}

test('a compacted DECIMAL that widened since is compared with all digits of a constant', async () => {
  const opened = await openInProcess();
  await commit(opened, 'SELECT unnest([1.55, 1.56])::DECIMAL(9,2) AS x');
  await commit(opened, 'SELECT 2::DECIMAL(9,2) AS x');
  expect(await compactHot(opened.bus, compactor)).toBe(true);
  await commit(opened, 'SELECT 1.5550::DECIMAL(18,4) AS x');
  expect(await found(opened, '1.555')).toEqual({
    '=': ['1.5550'],
    '<>': ['1.5500', '1.5600', '2.0000'],
    '<': ['1.5500'],
    '<=': ['1.5500', '1.5550'],
    '>': ['1.5600', '2.0000'],
    '>=': ['1.5550', '1.5600', '2.0000'],
  });
});

test('compacted integers of a column that is declared a DOUBLE later are compared with fractions', async () => {
  const opened = await openInProcess();
  for (const x of [1, 2, 3]) await commit(opened, `SELECT ${x}::INTEGER AS x`);
  expect(await compactHot(opened.bus, compactor)).toBe(true);
  const { config } = testBusIn(opened.test.folder, {
    canon: { tables: { t: { columns: { x: { type: 'DOUBLE' } } } } },
  });
  const tables = TableRegistry.replay(await canonicalSchemas(opened.bus.journal), config.canon.tables);
  expect(await found({ bus: { ...opened.bus, config, tables } }, '1.5')).toEqual({
    '=': null,
    '<>': ['1.0', '2.0', '3.0'],
    '<': ['1.0'],
    '<=': ['1.0'],
    '>': ['2.0', '3.0'],
    '>=': ['2.0', '3.0'],
  });
});

test.each([
  ['integers', 'unnest([1, 2])::BIGINT', '1.5::DOUBLE', ['1.0', '1.5', '2.0']],
  [
    'dates',
    "unnest([DATE '2026-01-01', '2026-01-02'])",
    "TIMESTAMP '2026-01-01 12:00:00'",
    ['2026-01-01 00:00:00', '2026-01-01 12:00:00', '2026-01-02 00:00:00'],
  ],
])('compacted %s that widened since are compared with a value between two of them', async (_, narrow, wide, values) => {
  const opened = await openInProcess();
  await commit(opened, `SELECT ${narrow} AS x`);
  expect(await compactHot(opened.bus, compactor)).toBe(true);
  await commit(opened, `SELECT ${wide} AS x`);
  const [low, between, high] = values;
  expect(await found(opened, wide)).toEqual({
    '=': [between],
    '<>': [low, high],
    '<': [low],
    '<=': [low, between],
    '>': [high],
    '>=': [between, high],
  });
});

test('a declared DECIMAL takes integers and floats with its digits, and is compared with all digits', async () => {
  const declared = { canon: { tables: { t: { columns: { x: { type: 'DECIMAL(18,2)' } } } } } };
  const opened = await openInProcess(declared);
  const types = ['1::BIGINT', '1.55::DOUBLE', '1.56::DOUBLE', '2.5::FLOAT', '3.0000::DECIMAL(38,4)'];
  for (const x of types) await commit(opened, `SELECT ${x} AS x`);
  const values = ['1.00', '1.55', '1.56', '2.50', '3.00'];
  const expected = {
    '=': null,
    '<>': values,
    '<': values.slice(0, 2),
    '<=': values.slice(0, 2),
    '>': values.slice(2),
    '>=': values.slice(2),
  };
  expect(await found(opened, '1.555')).toEqual(expected);
  expect(await compactHot(opened.bus, compactor)).toBe(true);
  expect(await found(opened, '1.555')).toEqual(expected);
  expect(await found(opened, '1.555::DOUBLE')).toEqual(expected);
});
