// @module-tag campaign
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { hasPython, pythonWith, runPython, skippedWithoutPython, withoutDataTools } from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

/** Recipes: packages, code added to that of the page, and what the bus has afterwards. */
const recipes = [
  {
    page: 'recipes/pandera',
    packages: ['pandera', 'pandas', 'pyarrow'],
    more: `
try:
    submit(pandas.DataFrame({"symbol": ["A", "A"], "score": [2.0, 0.5]}), run_id="scores-2")
except pandera.errors.SchemaErrors as error:
    assert len(error.failure_cases) == 3, error.failure_cases
else:
    raise AssertionError("it was not checked")
`,
    sql: 'SELECT symbol, score FROM canon.scores ORDER BY ALL',
    rows: [
      { symbol: 'BTC', score: 0.25 },
      { symbol: 'ETH', score: 0.75 },
    ],
  },
  {
    page: 'recipes/dagster',
    packages: ['dagster', 'pandas', 'pyarrow', 'duckdb'],
    more: 'assert result.success\n',
    sql: 'SELECT symbol, price FROM canon.shares WHERE share BETWEEN 0 AND 1 ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'recipes/dlt',
    packages: ['dlt[parquet]'],
    more: '',
    sql: 'SELECT symbol, price FROM canon.trades ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'database-tools',
    packages: ['duckdb-engine', 'sqlalchemy', 'setuptools<81'],
    more: 'assert "alerts_std" in tables and "artifacts" in tables and rows == 3, (tables, rows)\n',
    sql: 'SELECT count(*) AS n FROM alerts_std',
    rows: [{ n: 3 }],
  },
];

describe.skipIf(!hasPython)(`recipes${skippedWithoutPython}`, () => {
  test.for(recipes)('$page does what it says', { timeout: 900_000 }, async (recipe, context) => {
    const { page, packages, more, sql, rows } = recipe;
    const python = pythonWith(page.replace('/', '-'), packages) ?? context.skip(withoutDataTools);
    const bus = makeTestBus();
    await spawnDaemon(bus);
    await (await submit(bus, { producer: 'baseline', kind: 'alerts_std', schemaHint: 'canon.alerts_std' })).settled();
    const text = readFileSync(join(repository, `docs/guides/${page}.md`), 'utf8');
    const code = /^```python\n([\s\S]*?)^```$/m.exec(text)?.[1];
    writeFileSync(join(bus.folder, 'recipe.py'), `${code}${more}`);
    const { code: exit, stderr } = await runPython(bus, ['recipe.py'], python);
    expect(exit, stderr).toBe(0);
    expect(await query(bus, sql)).toEqual(rows);
  });
});
