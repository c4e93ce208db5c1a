// @module-tag campaign
import { join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { hasPython, pythonWithDataTools, running, runPython, skippedWithoutPython } from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

describe.skipIf(!hasPython)(`the Python client${skippedWithoutPython}`, () => {
  let python: string | undefined;
  beforeAll(() => {
    python = pythonWithDataTools();
  }, 500_000);
  const needTools = (context: TestContext): string =>
    python ?? context.skip('PyPI is not reachable, so there are no data tools');

  test('writes frames of pandas, Polars, pyarrow and DuckDB exactly, or refuses them', {
    timeout: 180_000,
  }, async context => {
    const tools = needTools(context);
    const bus = await running();
    const script = join(repository, 'tooling/e2e/test/support/python-client.py');
    const { stdout, stderr, code } = await runPython(bus, [script], tools);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toEqual([
      'write pyarrow',
      'write batches',
      'write pandas',
      'write polars',
      'write lazy',
      'write duckdb',
      'write capsule',
      'write rows',
      'pandas round trip',
      'refused an interval',
      'refused bits in a struct',
      'refused 39 digits',
      'refused mixed objects',
      'refused a column twice',
    ]);
    const rows = 'SELECT count(*)::INTEGER AS n, count(DISTINCT (id, large, amount, at_ns, at_utc))::INTEGER AS kinds';
    expect(await query(bus, `${rows} FROM canon.exact`)).toEqual([{ n: 15, kinds: 3 }]);
    expect(await query(bus, `${rows} FROM canon.exact_polars`)).toEqual([{ n: 6, kinds: 3 }]);
  });
});
