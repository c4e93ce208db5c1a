// @module-tag campaign
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { submit } from '@quantbot/tooling-testing/submit';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { startServing } from '../support/http.js';
import {
  hasPython,
  pythonWithDataTools,
  runPython,
  skippedWithoutPython,
  withoutDataTools,
} from '../support/python.js';
import { repository } from '../support/scripts.js';

/** Values of each type, as SQL. */
const samples: [type: string, ...values: string[]][] = [
  ['BOOLEAN', 'true', 'false'],
  ['TINYINT', '-128', '127'],
  ['SMALLINT', '-32768', '32767'],
  ['INTEGER', '-2147483648', '2147483647'],
  ['BIGINT', '-9223372036854775808', '9223372036854775807'],
  ['HUGEINT', `-${'9'.repeat(38)}`, '9'.repeat(38), '-1'],
  ['UTINYINT', '255'],
  ['USMALLINT', '65535'],
  ['UINTEGER', '4294967295'],
  ['UBIGINT', '18446744073709551615'],
  ['UHUGEINT', '9'.repeat(38), '0'],
  ['BIGNUM', `'-${'1234567890'.repeat(5)}'`],
  ['FLOAT', "'-0.0'", "'nan'", "'-infinity'", '0.1'],
  ['DOUBLE', "'-0.0'", "'nan'", "'infinity'", '0.1', '5e-324'],
  ['DECIMAL(4,2)', '-99.99', '0.01'],
  ['DECIMAL(9,3)', '-999999.999', '1'],
  ['DECIMAL(18,4)', '-99999999999999.9999', '0.0001'],
  ['DECIMAL(38,10)', `'-${'9'.repeat(28)}.${'9'.repeat(10)}'`, '1'],
  ['VARCHAR', "''", "'ü 🙂'", "'a text of more than twelve bytes'", "chr(65279) || 'mark'", "'a' || chr(0) || 'b'"],
  ['BLOB', "'\\x00\\xFF'", "''"],
  ['BIT', "'0101'", "'1'"],
  ["ENUM('b', 'a')", "'a'", "'b'"],
  ['UUID', "'00000000-0000-0000-0000-000000000001'", "'ffffffff-eeee-dddd-cccc-bbbbbbbbbbbb'"],
  ['DATE', "'0001-01-01'", "'9999-12-31'", "'1969-12-31'"],
  ['TIME', "'00:00:00'", "'23:59:59.999999'"],
  ['TIME_NS', "'23:59:59.999999999'"],
  ['TIME WITH TIME ZONE', "'12:34:56.789+00'"],
  ['TIMESTAMP_S', "'1900-01-01 00:00:01'"],
  ['TIMESTAMP_MS', "'2200-01-01 00:00:00.123'"],
  ['TIMESTAMP', "'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"],
  ['TIMESTAMP_NS', "'2026-01-31 12:00:00.123456789'", "'1969-12-31 23:59:59.999999999'"],
  ['TIMESTAMP WITH TIME ZONE', "'2026-03-29 01:30:00.123456+02'"],
  ['INTERVAL', "'-1 month 3 days 5 hours'", "'1 microsecond'"],
  ['INTEGER[]', '[1, NULL, 3]', '[]'],
  ['BIT[][]', "[['1'], NULL, ['01', '1']]"],
  ['INTEGER[2]', '[1, 2]', '[NULL, 4]'],
  ['STRUCT(a DECIMAL(9,2), b VARCHAR[])', "{'a': 1.25, 'b': ['x', NULL]}", "{'a': NULL, 'b': NULL}"],
  ['MAP(VARCHAR, HUGEINT)', "MAP {'a': 1, 'a longer key than twelve': NULL}", 'MAP {}'],
];

const longest = Math.max(...samples.map(([, ...values]) => values.length)) + 1;

/** One column of each type. Each also has NULL. */
const everyType = `SELECT ${samples
  .map(([type, ...values], index) => {
    const all = Array.from({ length: longest }, (_, place) => `CAST(${values[place] ?? 'NULL'} AS ${type})`);
    return `unnest([${all.join(', ')}]) AS c${index}`;
  })
  .join(', ')}`;

/** The Arrow types of docs/reference/type-mapping.md, by DuckDB's type. */
async function documented(): Promise<Map<string, string>> {
  const page = await readFile(join(repository, 'docs/reference/type-mapping.md'), 'utf8');
  const [, section = ''] = page.split('## Arrow\n');
  const rows = [...section.split('\n## ')[0]!.matchAll(/^\| `([^`]+)` \| (?:`([^`]+)` )?\|/gm)];
  return new Map(rows.map(([, type = '', arrow = '']) => [type, arrow]));
}

const rootOf = (type: string): string =>
  /\[\d+\]$/.test(type) ? 'ARRAY' : type.endsWith('[]') ? 'LIST' : type.replace(/\(.*/, '');

describe.skipIf(!hasPython)(`Arrow${skippedWithoutPython}`, () => {
  let python: string | undefined;
  let bus: TestBus;
  beforeAll(async () => {
    python = pythonWithDataTools();
    const { folder, remove } = sharedFolder();
    bus = testBusIn(folder);
    await drain(bus);
    return remove;
  }, 500_000);

  async function compared(context: TestContext, arrow: string, parquet: string) {
    const tools = python ?? context.skip(withoutDataTools);
    const script = join(repository, 'tooling/e2e/test/support/compare-arrow.py');
    const { stdout, stderr } = await runPython(bus, [script, arrow, parquet], tools);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as { types: string[]; differ: string[]; intervals: string[]; batches: number };
  }

  async function written(sql: string, format: string): Promise<string> {
    const path = join(bus.folder, `answer.${format}`);
    const { code, stderr } = await quantbotBus(bus, 'query', sql, '--format', format, '--out', path);
    expect(code, stderr).toBe(0);
    return path;
  }

  test('every type has the values that pyarrow reads from the Parquet file of the same query', async context => {
    const withoutInterval = samples.map(([type], index) => (type === 'INTERVAL' ? `NULL AS c${index}` : `c${index}`));
    const parquet = await written(`SELECT ${withoutInterval.join(', ')} FROM (${everyType})`, 'parquet');
    const { types, differ, intervals } = await compared(context, await written(everyType, 'arrow'), parquet);
    expect(differ).toEqual([]);
    expect(intervals.filter(text => text !== 'None')).toEqual([
      'MonthDayNano(months=-1, days=3, nanoseconds=18000000000000)',
      'MonthDayNano(months=0, days=0, nanoseconds=1000)',
    ]);
    const page = await documented();
    for (const [index, [type]] of samples.entries())
      expect(types[index], type).toMatch(new RegExp(`^${page.get(rootOf(type))?.replace(/[()[\]]/g, '\\$&')}`));
    const undocumented = [...page.keys()].filter(type => !samples.some(([sample]) => rootOf(sample) === type));
    expect(undocumented.sort()).toEqual(['GEOMETRY', 'NULL', 'UNION', 'VARIANT']);
  });

  test('lists with gaps and repeated lists, over many record batches', async context => {
    const sql = `SELECT i, CASE WHEN i % 7 > 0 THEN [i, NULL, i * 2] END AS l, [[1], [2, 3]] AS c, {'t': ['text of ' || i]} AS s
      FROM range(20000) t(i) WHERE i % 3 = 1 ORDER BY hash(i)`;
    const found = await compared(context, await written(sql, 'arrow'), await written(sql, 'parquet'));
    expect(found.differ).toEqual([]);
    expect(found.batches).toBeGreaterThan(3);
  });

  test('the server answers with the same stream, for a SELECT and for a table', async context => {
    const { url } = await startServing(bus);
    const job = { runId: 'r1', schemaHint: 'canon.numbers', select: 'SELECT range AS n FROM range(5000)' };
    await (await submit(bus, job)).settled();
    const ask = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
    const answer = await fetch(`${url}/api/v1/rows.arrow`, { ...ask, body: JSON.stringify({ sql: everyType }) });
    expect(answer.headers.get('content-type')).toBe('application/vnd.apache.arrow.stream');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(await readFile(await written(everyType, 'arrow')));
    const table = await fetch(`${url}/api/v1/tables/numbers/rows.arrow`);
    const path = join(bus.folder, 'table.arrow');
    writeFileSync(path, Buffer.from(await table.arrayBuffer()));
    expect((await compared(context, path, await written('FROM canon.numbers', 'parquet'))).differ).toEqual([]);
    const refused = await fetch(`${url}/api/v1/rows.arrow`, {
      ...ask,
      body: JSON.stringify({ sql: 'SELECT union_value(a := 1) AS u' }),
    });
    expect(await refused.json()).toMatchObject({ error: { code: 'TYPE_UNSUPPORTED' } });
  });
});
