// @module-tag campaign
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { pythonWith, withoutDataTools } from '@quantbot/tooling-testing/python';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { drain, spawnDaemon } from '../support/daemon-process.js';
import { commitJobs, outlivesEverything, restlessBus } from '../support/held-snapshot.js';

/** Returns the Python of an environment with one version of DuckDB; undefined if there is none. */
const duckdbOf = (version: string) => pythonWith(`duckdb-${version}`, [`duckdb==${version}`]);

describe.each(sampleOf(['1.3.2', '1.4.4', '1.5.6', '2.0.0'], 2))(
  "Python's duckdb %s",
  { tags: ['campaign'] },
  version => {
    test('opens the database while the daemon works, and answers the query of the guide', {
      timeout: 180_000,
    }, async context => {
      const python = duckdbOf(version);
      if (python === undefined) return context.skip(withoutDataTools);
      const bus = makeTestBus();
      await spawnDaemon(bus);
      for (let i = 0; i < 3; i++)
        await (
          await submit(bus, {
            producer: 'baseline',
            kind: 'alerts_std',
            artifactId: 'alerts_std',
            schemaHint: 'canon.alerts_std',
            runId: `run-${i}`,
          })
        ).settled();
      const script = `
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
latest = con.execute("""
  SELECT canonical_path
  FROM catalog.latest_artifacts_v
  WHERE producer = 'baseline' AND kind = 'alerts_std'
""").fetchall()
rows = con.execute("SELECT count(*), count(DISTINCT _artifact_key) FROM canon.alerts_std").fetchall()
views = [r[0] for r in con.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'catalog' ORDER BY 1").fetchall()]
counts = [con.execute(f"SELECT count(*) FROM catalog.{v}").fetchall()[0][0] for v in views]
shown = [r[0] for r in con.execute("SHOW TABLES").fetchall()]
listed = [r[0] for r in con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1").fetchall()]
plain = con.execute("SELECT (SELECT count(*) FROM alerts_std), (SELECT count(*) FROM artifacts)").fetchall()
print(json.dumps({"shown": shown, "listed": listed, "plain": plain, "latest": latest, "rows": rows, "views": dict(zip(views, counts)), "version": duckdb.__version__}))
`;
      const catalog = ['artifacts', 'datasets', 'exports', 'jobs', 'latest_artifacts', 'lineage', 'runs'];
      const peoples = ['aliases', 'alerts_std', ...catalog].sort();
      const answer = JSON.parse(execFileSync(python, ['-c', script, bus.config.duckdbPath], { encoding: 'utf8' }));
      expect(answer).toMatchObject({
        version,
        shown: peoples,
        listed: peoples,
        plain: [[9, 3]],
        latest: [[join(bus.layout.store, 'baseline/alerts_std/run-2@alerts_std.parquet')]],
        rows: [[9, 3]],
        views: {
          artifacts_f: 3,
          bus_info: 1,
          datasets_d: 1,
          jobs_f: 3,
          latest_artifacts_v: 1,
          lineage_v: 0,
          runs_d: 3,
        },
      });
    });

    test('keeps its rows while the daemon compacts, publishes, exports and collects garbage', {
      timeout: 180_000,
    }, async context => {
      const python = duckdbOf(version);
      if (python === undefined) return context.skip(withoutDataTools);
      const bus = restlessBus();
      await spawnDaemon(bus);
      await commitJobs(bus, 3);
      await outlivesEverything(bus, await startHoldingReader(bus, python), 3);
    });
  },
);

// docs/guides/operations.md says this.
const older: [version: string, views: Record<string, string>][] = [
  ['1.2.2', { 'catalog.artifacts_f': '2' }],
  ['1.1.3', { 'catalog.bus_info': '1', 'catalog.artifacts_f': 'This needs DuckDB 1.2 or newer, and you use v1.1.3' }],
];

describe.each(sampleOf(older, 1))("Python's duckdb %s", { tags: ['campaign'] }, (version, catalog) => {
  test('reads canonical tables from their golden exports, and as much of the catalog as the guide says', {
    timeout: 180_000,
  }, async context => {
    const python = duckdbOf(version);
    if (python === undefined) return context.skip(withoutDataTools);
    const bus = makeTestBus({ export: { tables: { unexported: { enabled: false } } } });
    await drain(bus);
    const select = `SELECT * FROM (VALUES (9007199254740993, 'NaN'::DOUBLE), (-9223372036854775808, '-0.0'), (NULL, 6)) AS v(big, x)`;
    for (const table of ['numbers', 'unexported'])
      await submit(bus, { schemaHint: `canon.${table}`, artifactId: table, select });
    await drain(bus);
    const expected: Record<string, string> = {
      ...catalog,
      // 1.2 and older have neither this schema by name nor the numbers of rows beside it.
      'canon.unexported': `This needs DuckDB 1.3 or newer, and you use v${version}`,
      'canon.numbers WHERE x > 5': '2', // one of them is NaN, which no statistics mention
      'canon.numbers WHERE big > 9007199254740992': '1',
    };
    const script = `
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
answers = {}
for view in sys.argv[2:]:
    try:
        answers[view] = str(con.execute(f"SELECT count(*) FROM {view}").fetchall()[0][0])
    except Exception as e:
        answers[view] = str(e)
answers["rows"] = [[str(value) for value in row] for row in con.execute("SELECT big, x, _seq FROM canon.numbers").fetchall()]
print(json.dumps(answers))
`;
    const answer = JSON.parse(
      execFileSync(python, ['-c', script, bus.config.duckdbPath, ...Object.keys(expected)], { encoding: 'utf8' }),
    );
    expect(answer).toEqual({
      ...Object.fromEntries(Object.entries(expected).map(([name, text]) => [name, expect.stringContaining(text)])),
      rows: [
        ['9007199254740993', 'nan', '1'],
        ['-9223372036854775808', '-0.0', '1'],
        ['None', '6.0', '1'],
      ],
    });
  });
});
