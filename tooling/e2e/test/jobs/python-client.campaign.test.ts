// @module-tag campaign
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { forgetArtifacts, setAlias } from '@quantbot/infra/utils';
import { type Catalog, openCatalog } from '@quantbot/storage';
import { submit } from '@quantbot/tooling-testing/submit';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import {
  hasPython,
  pythonWith,
  pythonWithDataTools,
  running,
  runPython,
  skippedWithoutPython,
  withoutDataTools,
} from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

describe.skipIf(!hasPython)(`the Python client${skippedWithoutPython}`, () => {
  let python: string | undefined;
  beforeAll(() => {
    python = pythonWithDataTools();
  }, 500_000);
  const needTools = (context: TestContext): string => python ?? context.skip(withoutDataTools);

  /** Runs a script on a bus of its own. Returns the names of the checks that held. */
  async function checksOf(name: string, context: TestContext): Promise<{ bus: TestBus; held: string[] }> {
    const tools = needTools(context);
    const bus = await running();
    const script = join(repository, 'tooling/e2e/test/support', name);
    const { stdout, stderr, code } = await runPython(bus, [script], tools);
    expect([code, stderr]).toEqual([0, '']);
    return { bus, held: stdout.trim().split('\n') };
  }

  test('writes frames of pandas, Polars, pyarrow and DuckDB exactly, or refuses them', {
    timeout: 180_000,
  }, async context => {
    const { bus, held } = await checksOf('python-client.py', context);
    expect(held).toEqual([
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
      'refused a date64 with a time of day',
      'refused Python objects of Polars',
      'refused 128 bits of Polars',
      'refused 128 bits within Polars',
      'refused nanoseconds in a list',
      'refused a duration of a nanosecond',
      'refused a datetime after a date',
      'refused a zone after none',
      'refused a time with a zone',
      'refused a bool among floats',
      'refused text among bytes',
      'read pyarrow',
      'read polars',
      'read duckdb',
      'read a file with wrong statistics',
      'read dictionaries inside of lists from several row groups',
      'a time that pandas cannot hold is an error with its column',
      'a panic of Polars is an error of reading',
    ]);
    const rows = 'SELECT count(*)::INTEGER AS n, count(DISTINCT (id, large, amount, at_ns, at_utc))::INTEGER AS kinds';
    expect(await query(bus, `${rows} FROM canon.exact`)).toEqual([{ n: 15, kinds: 3 }]);
    expect(await query(bus, `${rows} FROM canon.exact_polars`)).toEqual([{ n: 6, kinds: 3 }]);
  });

  test('refuses values that pandas, Polars, pyarrow or DuckDB would change', { timeout: 60_000 }, async context => {
    const { held } = await checksOf('python-lost-values.py', context);
    expect(held).toEqual([
      'refused what Polars would change',
      'refused what Arrow would change',
      'refused what pandas would change',
      'refused what DuckDB would change',
      'read a file whose metadata names a column that it lacks',
    ]);
  });

  test('answers as the catalog in TypeScript does, with the same codes', { timeout: 60_000 }, async context => {
    const tools = needTools(context);
    const settings = { canon: { tables: { newest: { mode: 'upsert', key: ['n'] } } }, catalog: { content_hash: true } };
    const bus = await running(settings);
    const job = { producer: 'reader', kind: 'numbers', artifactId: 'numbers', schemaHint: 'canon.numbers' };
    const numbers = (...values: (string | number)[]) => `SELECT unnest([${values.join(', ')}]::BIGINT[]) AS n`;
    const [large, gap] = [numbers('9007199254740993', '9007199254740994'), numbers('NULL')];
    await (await submit(bus, { ...job, runId: 'r1', select: large, meta: { a: [1, 'ü'] } })).settled();
    await (await submit(bus, { ...job, runId: 'r2', select: gap, inputs: ['r1/reader/numbers/numbers'] })).settled();
    const key = 'r2/reader/numbers/numbers';
    await (await submit(bus, { ...job, runId: 'r3', select: numbers(5), inputs: [key] })).settled();
    const twin = {
      ...job,
      producer: 'twin',
      schemaHint: 'canon.newest',
      runId: 'r3',
      select: numbers(5),
      inputs: [key],
    };
    await (await submit(bus, twin)).settled();
    const bad = { ...job, runId: 'r4', jobId: 'retried', select: "SELECT 'x' AS n" };
    await expect((await submit(bus, bad)).settled()).rejects.toThrow('does not fit');
    const busRoot = bus.layout.root;
    await setAlias(
      { producer: 'reader', kind: 'numbers', alias: 'prod', key: 'r1/reader/numbers/numbers' },
      { busRoot },
    );

    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    const middle = (await catalog.artifacts())[1]?.committedAt as Date;
    const rowsOf = async (source: Catalog) =>
      (await source.query('SELECT * FROM canon.numbers ORDER BY _seq, n', [], { int64: 'bigint' })).map(
        ({ n, _seq, _artifact_key }) => ({
          n: n === null ? null : Number(n),
          _seq: Number(_seq),
          _artifact_key,
        }),
      );
    await using past = await catalog.asOf(2);
    await using at = await catalog.asOf(new Date(middle.getTime() - 1));
    const expected = {
      latest: await catalog.latest({ producer: 'reader', kind: 'numbers', artifactId: 'numbers' }),
      byAlias: await catalog.latest({ producer: 'reader', kind: 'numbers', alias: 'prod' }),
      none: null,
      artifacts: await catalog.artifacts(),
      page: await catalog.artifacts({ producer: 'reader', beforeSeq: 3, limit: 1 }),
      rest: await catalog.artifacts({ beforeSeq: 3, beforeOrdinal: 1 }),
      byWords: await catalog.artifacts({ text: 'READER meta.n=1' }),
      jobsByWords: await catalog.jobs({ text: 'schema_mis' }),
      runsByWords: await catalog.runs({ text: 'reader' }),
      since: await catalog.artifacts({ since: middle }),
      until: await catalog.artifacts({ until: middle }),
      runs: await catalog.runs(),
      jobs: await catalog.jobs(),
      rejected: await catalog.jobs({ status: 'rejected' }),
      byCode: await catalog.jobs({ rejectCode: 'SCHEMA_MISMATCH', since: middle }),
      byTime: await catalog.jobs({ until: middle }),
      job: await catalog.job('retried'),
      aliases: await catalog.aliases(),
      lineage: await catalog.lineage(key),
      allLineage: await catalog.lineage(key, { depth: Number.POSITIVE_INFINITY }),
      inputs: await catalog.lineage(key, { direction: 'inputs', depth: 2 }),
      sameContent: await catalog.sameContent('r3/reader/numbers/numbers'),
      rows: await rowsOf(catalog),
      pastArtifacts: await past.artifacts(),
      pastRows: await rowsOf(past),
      pastRuns: await past.runs(),
      atArtifacts: await at.artifacts(),
      watched: [1, 2, 3],
    };
    const script = join(repository, 'tooling/e2e/test/support/python-reader.py');
    const { stdout, stderr, code } = await runPython(bus, [script, key], tools);
    expect([code, stderr]).toEqual([0, '']);
    const [answers = '', codes = '', end] = stdout.trim().split('\n');
    expect(JSON.parse(answers).answers).toEqual(JSON.parse(JSON.stringify(expected)));
    expect([expected.allLineage.edges.length, expected.sameContent.length, expected.rejected.length]).toEqual([
      3, 1, 1,
    ]);
    expect(JSON.parse(codes)).toEqual({
      sql: 'QUERY_FAILED',
      table: 'QUERY_FAILED',
      name: 'OPTIONS_INVALID',
      write: 'DATABASE_READ_ONLY',
      upsert: 'QUERY_FAILED',
      seq: 'OPTIONS_INVALID',
      depth: 'OPTIONS_INVALID',
      limit: 'OPTIONS_INVALID',
      'closed past': 'CLOSED',
      missing: 'DATABASE_NOT_FOUND',
      store: 'LAKE_UNKNOWN',
    });
    expect(end).toBe('all held');
  });

  test('leaves out of the past what had left a table by then and is back', { timeout: 60_000 }, async context => {
    const tools = needTools(context);
    const bus = await running({ compaction: { release_grace_s: 0.05 } });
    const job = { producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.log' };
    const add = async (runId: string) =>
      (await submit(bus, { ...job, runId, select: `SELECT '${runId}' AS run` })).settled();
    for (const run of ['r1', 'r2']) await add(run);
    await forgetArtifacts({ keys: ['r1/p/k/a'], rows: 'drop' }, { busRoot: bus.layout.root });
    expect((await add('r1')).artifacts).toMatchObject([{ status: 'restored' }]);
    const script = `
from quantbot_bus import Bus
runs = lambda of: [row["run"] for row in of.query("SELECT run FROM canon.log ORDER BY run").rows()]
bus = Bus("data/bus")
print([runs(past) for past in (bus.as_of(2), bus.as_of(3), bus.as_of(4))])
`;
    const { stdout, stderr } = await runPython(bus, ['-c', script], tools);
    expect([stdout, stderr]).toEqual(["[['r1', 'r2'], ['r2'], ['r1', 'r2']]\n", '']);
  });

  test('a long upload has a bar of tqdm', { timeout: 180_000 }, context => {
    const tools = pythonWith('progress', ['tqdm']) ?? context.skip(withoutDataTools);
    const folder = join(repository, 'python');
    const { stderr } = spawnSync(tools, ['-W', 'error', '-m', 'unittest', '-v', 'tests.test_progress'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: join(folder, 'src'), PYTHONDONTWRITEBYTECODE: '1' },
    });
    expect(stderr).toMatch(/Ran [4-9] tests in .*\n\nOK\n$/);
  });

  test('its types are complete and right, say mypy and pyright', { timeout: 120_000 }, context => {
    const tools = needTools(context);
    const check = (...args: string[]) =>
      spawnSync(tools, ['-m', ...args], { cwd: join(repository, 'python'), encoding: 'utf8' });
    expect(check('mypy', '--cache-dir=/dev/null').stdout).toMatch(
      /^Success: no issues found in [0-9]+ source files\n$/,
    );
    expect(check('pyright', 'src').stdout).toMatch(/^0 errors, 0 warnings, 0 informations\s*$/m);
  });
});
