// @module-tag campaign
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const files = 27;

/** 2 KB that become 40 MB. Each file replaces half of the keys of the one before. */
const rowsOf = (file: number) =>
  `SELECT [repeat('y', 1000000) || n || '-' || range FOR n IN range(4)] AS texts, range + ${file * 5} AS id FROM range(10)`;

test('files that together decode to more than the memory of a table do not stop its exports', async () => {
  const bus = makeTestBus({
    limits: { decode_memory_mb: 512 },
    canon: { tables: { newest: { mode: 'upsert', key: ['id'] } } },
    export: { memory_limit_mb: 64, tables: { newest: { layout: 'dataset' } } },
  });
  await drain(bus);
  for (let file = 0; file < files; file++)
    for (const table of ['events', 'newest'])
      await submit(bus, {
        runId: `run-${file}`,
        artifactId: table,
        schemaHint: `canon.${table}`,
        select: rowsOf(file),
      });
  await drain(bus);
  const { exportDir } = bus.config.export;
  const shown = (files + 1) * 5;
  expect(JSON.parse(readFileSync(join(exportDir, '_export_status.json'), 'utf8')).exports).toMatchObject({
    events: { ok: true, rows: files * 10, error: null },
    newest: { ok: true, rows: shown, error: null },
  });
  // A row of a job stands before those of later jobs, and its ids ascend.
  for (const [table, file] of [
    ['events', 'events.parquet'],
    ['newest', 'newest/*.parquet'],
  ] as const) {
    const expected = `SELECT list(id ORDER BY _seq, id)::VARCHAR AS ids FROM canon.${table}`;
    const found = `SELECT list(id ORDER BY filename, file_row_number)::VARCHAR AS ids, min(length(texts[4])) AS length FROM read_parquet('${join(exportDir, file)}', filename = true)`;
    expect(await query(bus, found)).toEqual([{ ...(await query(bus, expected))[0], length: 1_000_003 }]);
  }
});
