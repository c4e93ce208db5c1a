import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';
import { repository } from '../support/scripts.js';

const insert = `con.execute("INSERT INTO t VALUES (1)")`;
const producer = `import duckdb\ncon = duckdb.connect("data/alerts.duckdb")\n${insert}\n`;

/** A folder with code, and a function that runs the command in it. */
function project(files: Record<string, string>) {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const scan = async (...args: string[]) => {
    const child = startChild(process.execPath, [cliPath, 'scan', ...args], folder, {});
    const { code } = await child.ended;
    return { code, stdout: child.stdout(), stderr: child.stderr() };
  };
  return { folder, write, scan };
}

test('direct writes are shown by file with line, rule, step and advice, and the exit code is 2', async () => {
  const { scan } = project({ 'jobs/load.py': producer, 'clean.ts': 'export {};\n' });
  const { code, stdout, stderr } = await scan();
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(stdout).toMatch(/^jobs\/load\.py\n/);
  expect(stdout).toMatch(/│ 3 +│ duckdb-insert +│ +4 │ con\.execute\("INSERT INTO t VALUES \(1\)"\) +│/);
  expect(stdout).toContain('step 4  duckdb-insert: Write the rows to a Parquet file');
  expect(stdout).toMatch(/\n2 files: 2 direct writes\n$/);
});

test('as JSON, with everything that a program needs', async () => {
  const { scan } = project({ 'load.py': producer });
  const { code, stdout } = await scan('--json');
  expect(code).toBe(2);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ files: 1, counts: { found: 2, migrated: 0, allowed: 0, known: 0 }, notes: [] });
  expect(report.findings[1]).toEqual({
    file: 'load.py',
    line: 3,
    column: 14,
    rule: 'duckdb-insert',
    excerpt: insert,
    step: 4,
    advice: expect.stringMatching(/^Write the rows/),
    code: 'INSERT INTO t VALUES (1)',
    state: 'found',
  });
});

test('nothing found is exit code 0; what is migrated or allowed is shown only with --all', async () => {
  const { scan } = project({
    'a.py': 'import bus_submit\nbus_submit.submit_artifact(parquet=frame.to_parquet("a.parquet"))\n',
    'b.py': '# quantbot-bus-scan: allow a cache of our own\nframe.to_parquet("b.parquet")\n',
  });
  const short = await scan();
  expect(short).toMatchObject({ code: 0, stdout: '2 files: no direct writes, 1 migrated, 1 allowed\n' });
  const { code, stdout } = await scan('--all');
  expect(code).toBe(0);
  expect(stdout).toContain('(migrated)');
  expect(stdout).toContain('(allowed: a cache of our own)');
});

sampled('the baseline tolerates old places wherever their lines go, and fails for new ones', async () => {
  const { folder, write, scan } = project({ 'load.py': producer });
  const check = () => scan('--baseline', 'ci/baseline.json', '--json');
  mkdirSync(join(folder, 'ci'));
  expect((await scan('--baseline', 'ci/baseline.json', '--update-baseline')).code).toBe(0);
  expect(await check()).toMatchObject({ code: 0 });

  write('load.py', `# one more line\n\n${producer.replace('con.execute(', 'con.execute(  ')}`);
  expect(await check()).toMatchObject({ code: 0 });

  write('load.py', `${producer}${insert}\n`); // one more occurrence is new
  const again = await check();
  expect(again.code).toBe(2);
  expect(JSON.parse(again.stdout).findings).toMatchObject([{ line: 4, rule: 'duckdb-insert' }]);

  write('load.py', 'print("migrated")\n');
  expect((await scan('--baseline', 'ci/baseline.json')).stdout).toBe(
    '1 file: no direct writes, 2 of the baseline no longer found (--update-baseline)\n',
  );
});

test('an update of the baseline for one folder leaves the others as they are', async () => {
  const { folder, write, scan } = project({ 'a/load.py': producer, 'b/load.py': producer });
  const places = () => JSON.parse(readFileSync(join(folder, 'baseline.json'), 'utf8')).places as { file: string }[];
  await scan('--baseline', 'baseline.json', '--update-baseline');
  write('a/load.py', '');
  write('b/load.py', '');
  await scan('a', '--baseline', 'baseline.json', '--update-baseline');
  expect(places().map(({ file }) => file)).toEqual(['b/load.py', 'b/load.py']);
});

test.each([
  [
    'a path that is not there',
    ['nowhere'],
    'SCAN_PATH_NOT_FOUND: There is nothing at nowhere.\nTry: Name existing files',
  ],
  [
    'a baseline that is not there',
    ['--baseline', 'none.json'],
    'BASELINE_INVALID: none.json is not a readable baseline',
  ],
  [
    'a baseline of something else',
    ['--baseline', 'other.json'],
    'BASELINE_INVALID: other.json is not a readable baseline',
  ],
  ['an update of no baseline', ['--update-baseline'], 'error: --update-baseline needs --baseline FILE'],
])('%s is an error with exit code 1', async (_what, args, message) => {
  const { folder, scan } = project({ 'other.json': '{"places": 1}' });
  const { code, stderr } = await scan(...args);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(existsSync(join(folder, 'none.json'))).toBe(false);
});

sampled('this repository: producers are migrated, and nobody but the packages that own DuckDB writes it', async () => {
  const root = repository;
  const { scan } = project({});
  // The benchmark's contenders, the writers that are compared, the buses that are kept, and the
  // helpers of tests.
  const { stdout } = await scan(
    root,
    '--all',
    '--json',
    '--exclude',
    'tooling/bench/',
    'tooling/differential/',
    'tooling/e2e/buses/',
    'tooling/testing/',
  );
  const findings = JSON.parse(stdout).findings as { file: string; state: string }[];
  const of = (state: string) =>
    [...new Set(findings.filter(each => each.state === state).map(({ file }) => file.slice(root.length + 1)))].sort();
  expect(of('migrated')).toEqual(
    expect.arrayContaining([
      'packages/lab/src/simulation/SimulationArtifactWriter.ts',
      'tooling/demo/src/market-data.ts',
    ]),
  );
  // The producers of packages/backtest write nothing themselves any more: publishTables does both.
  // Python's client writes the data frames that it submits.
  const own = /^(?:packages\/(?:bus-\w+|duckdb-process|storage|infra)\/src\/|python\/src\/quantbot_bus\/)/;
  expect(of('found').filter(file => !own.test(file))).toEqual([]);
});
