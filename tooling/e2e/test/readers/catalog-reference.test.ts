import { readFileSync } from 'node:fs';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** The columns of each view, with types, from docs/reference/catalog.md. */
function documented(): Record<string, string[]> {
  const text = readFileSync(new URL('../../../../docs/reference/catalog.md', import.meta.url), 'utf8');
  const views: Record<string, string[]> = {};
  for (const section of text.split('\n## ').slice(1)) {
    const name = /^`([a-z_]+\.[a-z_<>]+)`/.exec(section)?.[1];
    const columns = [...section.matchAll(/^\| `([a-z0-9_]+)` \| ([A-Z[\]]+) \|/gm)].map(
      ([, column, type]) => `${column} ${type}`,
    );
    if (name !== undefined) views[name] = columns;
  }
  return views;
}

test('docs/reference/catalog.md has every view and column that there is, and no other', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers', select: 'SELECT 1 AS n' })).settled();
  const real: Record<string, string[]> = {};
  const rows = await query(
    bus,
    `SELECT schema_name || '.' || table_name AS view, column_name || ' ' || data_type AS column
     FROM duckdb_columns() WHERE schema_name IN ('catalog', 'canon') ORDER BY view, column_index`,
  );
  for (const { view, column } of rows) real[String(view)] = [...(real[String(view)] ?? []), String(column)];
  const docs = documented();
  // Two views have the columns of all artifacts; the page says so instead of listing them again.
  docs['catalog.latest_artifacts_v'] = docs['catalog.artifacts_f'] ?? [];
  docs['catalog.quarantine_v'] = docs['catalog.artifacts_f'] ?? [];
  docs['canon.numbers'] = ['n BIGINT', ...(docs['canon.<table>'] ?? [])];
  delete docs['canon.<table>'];
  expect(real).toEqual(docs);
});
