// @module-tag campaign
import { join } from 'node:path';
import { setAlias } from '@quantbot/infra/utils';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { startServing } from '../support/http.js';
import { tokenFor } from '../support/http-producer.js';
import {
  hasPython,
  pythonWithDataTools,
  runPython,
  skippedWithoutPython,
  withoutDataTools,
} from '../support/python.js';
import { repository } from '../support/scripts.js';

/** Rows with values that are easily lost: of many digits, nested, or with characters of syntax. */
const exact = `
  SELECT range AS id, 9007199254740993 + range AS big, 18446744073709551615::UBIGINT AS large,
    (range - 1)::DECIMAL(38, 4) / 10000 AS price, -0.0::DOUBLE AS zero, 'nan'::DOUBLE AS nan, 1e-45::FLOAT AS small,
    TIMESTAMP_NS '2026-01-01 00:00:00.000000001' AS ns, TIMESTAMP '1900-01-01 00:00:00.000001' AS us,
    TIMESTAMPTZ '2026-03-29 01:30:00.123456+02' AS tz, DATE '0001-01-01' AS day, TIME '23:59:59.999999' AS clock,
    ['NULL', NULL, '', ' a, ''b'' "c" ] } \\ ', '🙂'][1 + range:] AS texts, '\\x00\\xFF'::BLOB AS bytes,
    {'a': [9007199254740993, NULL], 'b c': {'x': '\\xAA'::BLOB, 't': TIMESTAMP_NS '2026-01-01 00:00:00.000000001'}} AS nested,
    MAP {'k, 1': [1.5::DECIMAL(20, 6)]} AS m, CASE WHEN range = 1 THEN 'NULL' END AS word
  FROM range(3)`;

describe.skipIf(!hasPython)(`the Python client over HTTP${skippedWithoutPython}`, () => {
  test('answers as on the machine of the bus, with every digit', { timeout: 600_000 }, async context => {
    const tools = pythonWithDataTools() ?? context.skip(withoutDataTools);
    const settings = { canon: { tables: { newest: { mode: 'upsert', key: ['n'] } } }, catalog: { content_hash: true } };
    const bus = makeTestBus(settings);
    const { url } = await startServing(bus);
    const job = { producer: 'reader', kind: 'numbers', artifactId: 'numbers', schemaHint: 'canon.numbers' };
    const key = 'r1/reader/numbers/numbers';
    const five = { ...job, runId: 'r3', select: 'SELECT 5::BIGINT AS n', inputs: [key] };
    await (await submit(bus, { ...job, runId: 'r1', meta: { a: [1, 'ü'] } })).settled();
    await (await submit(bus, { ...job, runId: 'r2', inputs: [key], select: 'SELECT NULL::BIGINT AS n' })).settled();
    await (await submit(bus, five)).settled();
    await (await submit(bus, { ...five, producer: 'twin', schemaHint: 'canon.newest' })).settled();
    const bad = { ...job, runId: 'r4', jobId: 'retried', select: "SELECT 'x' AS n" };
    await expect((await submit(bus, bad)).settled()).rejects.toThrow('does not fit');
    const values = { ...job, runId: 'r5', producer: 'tests', kind: 'exact', schemaHint: 'canon.exact' };
    await (await submit(bus, { ...values, select: exact })).settled();
    await setAlias({ producer: 'reader', kind: 'numbers', alias: 'prod', key }, { busRoot: bus.layout.root });
    const token = await tokenFor(bus, 'reader', '--read');
    const script = join(repository, 'tooling/e2e/test/support/python-served-reader.py');
    expect(await runPython(bus, [script, url, token, key], tools)).toEqual({
      code: 0,
      stderr: '',
      stdout: 'all held\n',
    });
  });
});
