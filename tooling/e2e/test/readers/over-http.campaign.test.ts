// @module-tag campaign
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { startServing } from '../support/http.js';
import {
  hasPython,
  pythonWithDataTools,
  runPython,
  skippedWithoutPython,
  withoutDataTools,
} from '../support/python.js';

describe.skipIf(!hasPython)(`Python's data tools over HTTP${skippedWithoutPython}`, () => {
  let python: string | undefined;
  beforeAll(() => {
    python = pythonWithDataTools();
  }, 500_000);
  const needTools = (context: TestContext): string => python ?? context.skip(withoutDataTools);

  const programs = [
    ['pandas', 'import pandas', 'len(pandas.read_parquet(io.BytesIO(urllib.request.urlopen(url).read())))'],
    [
      'pyarrow',
      'import pyarrow.parquet as pq',
      'pq.read_table(io.BytesIO(urllib.request.urlopen(url).read())).num_rows',
    ],
    ['polars', 'import polars', 'polars.read_parquet(urllib.request.urlopen(url)).height'],
  ] as const;

  test('pandas, pyarrow and polars read an artifact and an export', { timeout: 180_000 }, async context => {
    const tools = needTools(context);
    const bus = makeTestBus();
    const { url } = await startServing(bus);
    await (await submit(bus, { runId: 'r1', schemaHint: 'canon.numbers' })).settled();
    const urls = [`${url}/api/v1/artifacts/r1/tests/numbers/numbers/file`, `${url}/exports/numbers.parquet`];
    await eventually(
      async () => (await fetch(urls[1] as string, { method: 'HEAD' })).status,
      status => status === 200,
    );
    for (const [name, load, rows] of programs) {
      const program = `import io, sys, urllib.request\n${load}\nfor url in sys.argv[1:]: print(${rows})`;
      const { stdout, stderr } = await runPython(bus, ['-c', program, ...urls], tools);
      expect(stdout, `${name}: ${stderr}`).toBe('3\n3\n');
    }
  });
});
