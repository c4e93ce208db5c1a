import { openCatalog } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain } from '../support/daemon-process.js';

const rows = `SELECT range AS n, 'w' || range % 3 AS word, {'a': range / 2.0, 'b': [range]} AS nested, DATE '2026-01-01' + CAST(range AS INTEGER) AS day FROM range(5000)`;

/** Run → SELECT of its artifact. */
async function busWith(selects: Record<string, string>, settings: Record<string, unknown>): Promise<TestBus> {
  const bus = makeTestBus(settings);
  await drain(bus);
  for (const [runId, select] of Object.entries(selects)) await submit(bus, { runId, select });
  await drain(bus);
  return bus;
}

const keyOf = (run: string) => `${run}/tests/numbers/numbers`;

sampled('artifacts with the same rows are recognised in any order and encoding, and others are not', async () => {
  const bus = await busWith(
    {
      original: rows,
      shuffled: `FROM (${rows}) ORDER BY hash(n)`,
      doubled: `${rows} UNION ALL FROM (${rows}) WHERE n = 7`,
      changed: `SELECT * REPLACE (CASE n WHEN 7 THEN 'x' ELSE word END AS word) FROM (${rows})`,
      renamed: `SELECT n, word AS term, nested, day FROM (${rows})`,
      shorter: `FROM (${rows}) WHERE n <> 7`,
      swapped: `SELECT * REPLACE (CASE n WHEN 7 THEN 8 WHEN 8 THEN 7 ELSE n END AS n) FROM (${rows})`,
    },
    { catalog: { content_hash: true } },
  );
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const same = async (run: string) => (await catalog.sameContent(keyOf(run))).map(artifact => artifact.runId);
  expect(await same('original')).toEqual(['shuffled']);
  expect(await same('shuffled')).toEqual(['original']);
  for (const run of ['doubled', 'changed', 'renamed', 'shorter', 'swapped']) expect(await same(run), run).toEqual([]);
  const [artifact] = await catalog.artifacts({ limit: 1 });
  expect(artifact?.contentHash).toMatch(/^[0-9a-f]{32}$/);
});

sampled('without the setting there is no such hash, and nothing is like anything', async () => {
  const bus = await busWith({ a: rows, b: rows }, {});
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  expect((await catalog.artifacts()).map(artifact => artifact.contentHash)).toEqual([null, null]);
  expect(await catalog.sameContent(keyOf('a'))).toEqual([]);
});
