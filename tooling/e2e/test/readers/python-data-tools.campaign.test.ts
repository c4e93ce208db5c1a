// @module-tag campaign
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { drain, startDaemon } from '../support/daemon-process.js';
import {
  guideSnippet,
  hasPython,
  linkScripts,
  pythonWithDataTools,
  runPython,
  skippedWithoutPython,
  withoutDataTools,
} from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

interface Submitted {
  source: string;
  rows: number;
  job_id: string;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

/** The rows of support/python-data-tools.py, as `readParquet` gives them. */
const samples = [
  {
    id: 1,
    small: 1,
    price: 0.1,
    flag: true,
    name: 'plain',
    category: 'buy',
    amount: '12.5000',
    day: '2026-01-31',
    seen_at: new Date('2026-03-29T01:30:00Z'),
    local_at: new Date('2026-01-31T12:00:00.456Z'),
    tags: ['a', 'b'],
    point: { x: 1.5, label: 'p' },
    content: bytes(0, 255),
  },
  {
    id: 2 ** 53 - 1,
    small: -(2 ** 31),
    price: -1.5e300,
    flag: false,
    name: "ü 🙂 'quoted'",
    category: 'sell',
    amount: '-99999999999999.9999',
    day: '1969-12-31',
    seen_at: new Date('1969-12-31T23:59:59.123Z'),
    local_at: new Date('1900-01-01T00:00:00Z'),
    tags: [],
    point: { x: null, label: null },
    content: bytes(),
  },
  {
    id: -(2 ** 53 - 1),
    small: 2 ** 31 - 1,
    price: 5e-324,
    flag: true,
    name: '',
    category: 'buy',
    amount: '0.0001',
    day: '9999-12-31',
    seen_at: new Date('2026-01-31T17:00:00Z'),
    local_at: new Date('2200-01-01T00:00:00Z'),
    tags: ['ü', null],
    point: { x: -0.5, label: '' },
    content: new TextEncoder().encode('bytes'),
  },
  {
    id: null,
    small: null,
    price: null,
    flag: null,
    name: null,
    category: null,
    amount: null,
    day: null,
    seen_at: null,
    local_at: null,
    tags: null,
    point: null,
    content: null,
  },
];

describe.skipIf(!hasPython)(`Python's data tools${skippedWithoutPython}`, () => {
  let python: string | undefined;
  beforeAll(() => {
    python = pythonWithDataTools();
  }, 500_000);
  const needTools = (context: TestContext): string => python ?? context.skip(withoutDataTools);

  test('pandas, pyarrow, polars and duckdb fill one canonical table, with every compression and type', {
    timeout: 180_000,
  }, async context => {
    const tools = needTools(context);
    const bus = makeTestBus();
    await drain(bus);
    const produced = join(bus.folder, 'produced');
    mkdirSync(produced);
    const script = join(repository, 'tooling/e2e/test/support/python-data-tools.py');
    const { stdout, stderr } = await runPython(bus, [script, produced], tools);
    expect(stderr).toBe('');
    const submitted = JSON.parse(stdout) as Submitted[];
    expect(submitted).toHaveLength(28);
    await drain(bus);

    const artifacts = await query(bus, `SELECT run_id, rows, canonical_path FROM catalog.artifacts_f`);
    const rejected = await query(
      bus,
      `SELECT job_id, reject_code, reject_error FROM catalog.jobs_f WHERE reject_code IS NOT NULL`,
    );
    expect(rejected).toEqual([]);
    const paths = new Map(artifacts.map(row => [row.run_id, row.canonical_path as string]));
    const golden = await readParquet(join(bus.config.export.exportDir, 'samples.parquet'));
    for (const { source, rows } of submitted) {
      const expected = samples.slice(0, rows).map(row => ({ ...row, source }));
      expect(await readParquet(paths.get(source) as string), source).toEqual(expected);
      const exported = golden.filter(row => row.source === source).map(({ _seq, _artifact_key, ...row }) => row);
      expect(new Set(exported.map(row => JSON.stringify(row))), source).toEqual(
        new Set(expected.map(row => JSON.stringify(row))),
      );
    }
    expect(golden).toHaveLength(24 * samples.length);
    expect(await query(bus, `SELECT count(*) AS n, count(DISTINCT amount) AS amounts FROM canon.samples`)).toEqual([
      { n: 24 * samples.length, amounts: 3 },
    ]);
  });

  test("the guide's before and after, with duckdb's own COPY", async context => {
    const tools = needTools(context);
    const bus = makeTestBus();
    linkScripts(bus);
    await startDaemon(bus);
    const program = `
import duckdb, json
con = duckdb.connect()
con.execute("CREATE TABLE data AS SELECT 'SOL' AS token, range AS n FROM range(1000)")
job_id, run_id, row_count, meta = "job-1", "run-1", 1000, {}
# Write Parquet first
con.execute("COPY data TO 'output.parquet' (FORMAT PARQUET)")
${guideSnippet}from bus_submit import submit_artifact
again = submit_artifact(run_id=run_id, producer="baseline", kind="alerts_std", artifact_id="alerts_std",
                        parquet="output.parquet", schema_hint="canon.alerts_std").settled(30)
print(again.status)
`;
    const { stdout, stderr } = await runPython(
      bus,
      ['-c', `import sys; sys.path.insert(0, "scripts")\n${program}`],
      tools,
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/duplicate\n$/);
    expect(await query(bus, `SELECT count(*) AS n, sum(n) AS total FROM canon.alerts_std`)).toEqual([
      { n: 1000, total: 499500 },
    ]);
  });

  test("pandas, pyarrow and polars read a dataset's folder, with partitions and without", {
    timeout: 60_000,
  }, async context => {
    const tools = needTools(context);
    const export_ = {
      tables: { plain: { layout: 'dataset' }, split: { layout: 'dataset', partition_by: ['side', 'code'] } },
    };
    const bus = makeTestBus({ export: export_ });
    await drain(bus);
    const select = numbers(4, `, CASE WHEN range < 2 THEN 'buy' WHEN range = 2 THEN 'sell' END AS side, '007' AS code`);
    for (const table of ['plain', 'split'])
      await submit(bus, { schemaHint: `canon.${table}`, artifactId: table, select });
    await drain(bus);
    const program = `
import json, sys
import pandas as pd, polars as pl, pyarrow.dataset as ds
def rows(frame):
    return sorted([[row["n"], row["side"], row["code"]] for row in frame])
answers = {}
for table in ("plain", "split"):
    folder = f"{sys.argv[1]}/{table}"
    answers[f"polars {table}"] = rows(pl.read_parquet(folder).to_dicts())
    answers[f"pyarrow {table}"] = rows(ds.dataset(folder, partitioning="hive").to_table().to_pylist())
    frame = pd.read_parquet(folder)
    frame["side"] = frame["side"].astype(object).where(frame["side"].notna(), None)
    answers[f"pandas {table}"] = rows(frame.to_dict("records"))
print(json.dumps(answers))
`;
    const { stdout, stderr } = await runPython(bus, ['-c', program, bus.config.export.exportDir], tools);
    expect(stderr).toBe('');
    const wanted = [
      [0, 'buy', '007'],
      [1, 'buy', '007'],
      [2, 'sell', '007'],
      [3, null, '007'],
    ];
    const readers = ['polars', 'pyarrow', 'pandas'].flatMap(tool => [`${tool} plain`, `${tool} split`]);
    expect(JSON.parse(stdout)).toEqual(Object.fromEntries(readers.map(reader => [reader, wanted])));
  });

  test('what pandas and polars write by themselves, without a schema, is taken as it is', {
    timeout: 60_000,
  }, async context => {
    const tools = needTools(context);
    const bus = makeTestBus();
    await drain(bus);
    const program = `
import pandas as pd, polars as pl
from quantbot_bus import submit_artifact
frame = pd.DataFrame({
    "token": pd.Categorical(["a", None, "a"]), "price": [1.5, None, 2.5], "n": [1, 2, 3],
    "seen_at": pd.to_datetime(["2026-01-31T12:00:00Z", None, "2026-01-31T12:00:00.5Z"], utc=True, format="ISO8601"),
}, index=[7, 8, 9])
frame.to_parquet("pandas.parquet")
pl.DataFrame({
    "token": pl.Series(["a", None, "a"], dtype=pl.Categorical), "price": [1.5, None, 2.5], "n": [1, 2, 3],
    "seen_at": pl.Series(["2026-01-31T12:00:00Z", None, "2026-01-31T12:00:00.5Z"]).str.to_datetime(time_zone="UTC"),
}).write_parquet("polars.parquet")
for tool in ("pandas", "polars"):
    submit_artifact(run_id="r", producer=tool, kind="k", artifact_id="a", parquet=f"{tool}.parquet", schema_hint="canon.plain")
`;
    expect(await runPython(bus, ['-c', program], tools)).toMatchObject({ code: 0, stderr: '' });
    await drain(bus);
    const rows = await query(
      bus,
      `SELECT _artifact_key, token, price, n, seen_at FROM canon.plain ORDER BY _artifact_key, n`,
    );
    const expected = [
      { token: 'a', price: 1.5, n: 1, seen_at: new Date('2026-01-31T12:00:00Z') },
      { token: null, price: null, n: 2, seen_at: null },
      { token: 'a', price: 2.5, n: 3, seen_at: new Date('2026-01-31T12:00:00.5Z') },
    ];
    expect(rows).toEqual(
      ['r/pandas/k/a', 'r/polars/k/a'].flatMap(_artifact_key => expected.map(row => ({ _artifact_key, ...row }))),
    );
  });

  test('pip install ./python gives quantbot-bus-submit and a typed package', async context => {
    const tools = needTools(context);
    const bus = makeTestBus();
    await drain(bus);
    const copy = `import shutil; shutil.copytree(${JSON.stringify(join(repository, 'python'))}, "package")`;
    expect((await runPython(bus, ['-c', copy])).code).toBe(0);
    const flags = ['--quiet', '--no-build-isolation', '--no-deps', '--target', 'installed', './package'];
    const installed = await runPython(bus, ['-m', 'pip', 'install', ...flags], tools);
    expect(installed.code, installed.stderr).toBe(0);
    expect(readFileSync(join(bus.folder, 'installed/quantbot_bus/py.typed'), 'utf8')).toBe('');
    const program = `
import os, shutil, subprocess, sys
environment = {**os.environ, "PYTHONPATH": "installed"}
done = subprocess.run(["installed/bin/quantbot-bus-submit", "--run-id", "r", "--producer", "p", "--kind", "k", "--artifact-id", "a",
                       "--parquet", ${JSON.stringify(join(repository, 'packages/bus-daemon/fixtures/parquet/trades.parquet'))}],
                      env=environment)
sys.exit(done.returncode)
`;
    const submitted = await runPython(bus, ['-c', program], tools);
    expect([submitted.code, submitted.stderr]).toEqual([0, '']);
    expect(submitted.stdout).toContain('r/p/k/a (3 rows');
  });
});
