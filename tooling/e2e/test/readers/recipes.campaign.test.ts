// @module-tag campaign
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { hasPython, pythonWith, runPython, skippedWithoutPython, withoutDataTools } from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

/** What the recipes install, in one environment: they share much of it. */
const packages = [
  ...['pandera', 'great_expectations', 'dagster', 'prefect', 'dlt[parquet]'],
  ...['dbt-duckdb', 'dbt-core<1.11'], // newer ones download from GitHub
  ...['duckdb-engine', 'sqlalchemy', 'setuptools<81'],
  ...['pandas', 'pyarrow', 'duckdb>=1.5'],
];

/** Recipes: code around that of the page, and what the bus has afterwards. */
const recipes: {
  page: string;
  /** Packages that need an environment of their own. */
  packages?: string[];
  before?: string;
  more: string;
  sql: string;
  rows: object[];
}[] = [
  {
    page: 'recipes/pandera',
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
    page: 'recipes/great-expectations',
    more: `
try:
    submit(pandas.DataFrame({"symbol": ["A", "A"], "score": [2.0, 0.5]}), run_id="scores-2")
except ValueError as error:
    assert "to_be_unique" in str(error) and "to_be_between" in str(error) and "null" not in str(error), error
else:
    raise AssertionError("it was not checked")
`,
    sql: `SELECT s.symbol, s.score, json_extract_string(a.provenance_json, '$.expectations.successful_expectations') AS kept
      FROM canon.scores s JOIN catalog.artifacts_f a ON a.artifact_key = s._artifact_key ORDER BY ALL`,
    rows: [
      { symbol: 'BTC', score: 0.25, kept: '3' },
      { symbol: 'ETH', score: 0.75, kept: '3' },
    ],
  },
  {
    page: 'recipes/prefect',
    more: `
with Bus(ROOT) as bus:
    made = bus.artifacts(key=key)[0]
    assert made.inputs[0].startswith(made.run_id + "/prefect/prices/"), made
`,
    sql: 'SELECT symbol, price FROM canon.shares WHERE share BETWEEN 0 AND 1 ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'recipes/airflow',
    packages: ['apache-airflow-core>=3', 'pandas', 'pyarrow', 'duckdb'],
    before: `
if __name__ == "__main__":
    import subprocess
    os.environ.update(AIRFLOW_HOME=os.path.abspath("airflow"), AIRFLOW__CORE__DAGS_FOLDER=os.getcwd())
    os.environ.update(AIRFLOW__CORE__LOAD_EXAMPLES="False")
    subprocess.run(["airflow", "db", "migrate"], check=True)
`,
    more: `    assert run.state == "success", run
    with Bus(ROOT) as bus:
        made = bus.latest("airflow", "shares")
        assert made.inputs[0].startswith(made.run_id + "/airflow/prices/"), made
`,
    sql: 'SELECT symbol, price FROM canon.shares WHERE share BETWEEN 0 AND 1 ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'recipes/dbt',
    more: '',
    sql: 'SELECT artifact_key, alerts FROM canon.alerts_by_artifact',
    rows: [{ artifact_key: 'run-1/baseline/alerts_std/numbers', alerts: 3 }],
  },
  {
    page: 'recipes/dagster',
    more: 'assert result.success\n',
    sql: 'SELECT symbol, price FROM canon.shares WHERE share BETWEEN 0 AND 1 ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'recipes/dlt',
    more: '',
    sql: 'SELECT symbol, price FROM canon.trades ORDER BY ALL',
    rows: [
      { symbol: 'BTC', price: 90_000 },
      { symbol: 'ETH', price: 3_000 },
    ],
  },
  {
    page: 'database-tools',
    more: 'assert "alerts_std" in tables and "artifacts" in tables and rows == 3, (tables, rows)\n',
    sql: 'SELECT count(*) AS n FROM alerts_std',
    rows: [{ n: 3 }],
  },
];

/** A file of a recipe: its name in the text, and its content in the block after it. */
const namedFile = /`([\w/]+\.\w+)`[^`]*\n```\w+\n([\s\S]*?)^```$/gm;

/** Lets a recipe run the programs of its packages, as in an activated environment. */
const activated = `import os, sys
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
# Prefect has a server of its own for the time of a flow, which a busy machine starts slowly.
os.environ["PREFECT_HOME"] = os.path.abspath("prefect")
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "300"
`;

describe.skipIf(!hasPython)(`recipes${skippedWithoutPython}`, () => {
  test.for(recipes)('$page does what it says', { timeout: 900_000 }, async (recipe, context) => {
    const { page, before = '', more, sql, rows } = recipe;
    const [name, wanted] = recipe.packages ? [page.replace('/', '-'), recipe.packages] : ['recipes', packages];
    const python = pythonWith(name, wanted) ?? context.skip(withoutDataTools);
    const bus = makeTestBus();
    await spawnDaemon(bus);
    const submission = { runId: 'run-1', producer: 'baseline', kind: 'alerts_std', schemaHint: 'canon.alerts_std' };
    await (await submit(bus, submission)).settled();
    const text = readFileSync(join(repository, `docs/guides/${page}.md`), 'utf8');
    for (const [, name = '', content = ''] of text.matchAll(namedFile)) {
      mkdirSync(dirname(join(bus.folder, name)), { recursive: true });
      writeFileSync(join(bus.folder, name), content);
    }
    const code = /^```python\n([\s\S]*?)^```$/m.exec(text)?.[1];
    writeFileSync(join(bus.folder, 'recipe.py'), `${activated}${before}${code}${more}`);
    const { code: exit, stdout, stderr } = await runPython(bus, ['recipe.py'], python);
    expect(exit, stdout + stderr).toBe(0);
    expect(await query(bus, sql)).toEqual(rows);
  });
});
