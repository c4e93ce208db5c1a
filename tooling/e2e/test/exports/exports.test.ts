import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportEntry } from '@quantbot/bus-format/state';
import { digestFile } from '@quantbot/infra/files';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const exportPath = (bus: TestBus, name = 'numbers') => join(bus.config.export.exportDir, `${name}.parquet`);
const statusOf = (bus: TestBus, name = 'numbers'): ExportEntry =>
  JSON.parse(readFileSync(join(bus.config.export.exportDir, '_export_status.json'), 'utf8')).exports[name];
const configure = (bus: TestBus, settings: object) =>
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2, ...settings }));

/** A bus with one table of three rows and its export. */
async function exportedBus(): Promise<TestBus> {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  return bus;
}

test('the status of an export names its file, rows, bytes, hash and the commit that it was made from', async () => {
  const bus = await exportedBus();
  const { bytes, sha256 } = await digestFile(exportPath(bus));
  expect(statusOf(bus)).toMatchObject({
    ok: true,
    path: exportPath(bus),
    rows: 3,
    bytes,
    sha256,
    as_of_seq: 1,
    error: null,
  });
  expect(
    await query(bus, 'SELECT name, ok, path, rows, bytes, sha256, as_of_seq, error FROM catalog.exports_d'),
  ).toEqual([{ name: 'numbers', ok: true, path: exportPath(bus), rows: 3, bytes, sha256, as_of_seq: 1, error: null }]);
});

sampled('an export that fails keeps its last good file, says why, and is made as soon as it can be', async () => {
  const bus = await exportedBus();
  const before = readFileSync(exportPath(bus));
  configure(bus, { export: { timeout_s: 0.001, min_interval_s: 0, max_share: 1 } });
  await submit(bus, { schemaHint: 'canon.numbers' });
  const daemon = await startDaemon(bus);
  await daemon.logged('export failed');
  await eventually(
    () => statusOf(bus),
    entry => !entry.ok,
  );
  expect(statusOf(bus)).toMatchObject({
    ok: false,
    rows: 3,
    as_of_seq: 1,
    error: expect.stringContaining('did not finish'),
  });
  expect(readFileSync(exportPath(bus)).equals(before)).toBe(true);
  expect((await quantbotBus(bus, 'status')).stdout).toMatch(/^export {4}numbers: FAILED: .*did not finish/m);
  expect((await (await submit(bus)).settled()).status).toBe('ingested'); // ingestion continues
  expect(await daemon.stop()).toMatchObject({ code: 0 });
  configure(bus, {});
  await drain(bus);
  expect(statusOf(bus)).toMatchObject({ ok: true, rows: 6, error: null });
  expect(await readParquet(exportPath(bus))).toHaveLength(6);
  expect(readdirSync(bus.config.export.exportDir).sort()).toEqual(['_export_status.json', 'numbers.parquet']);
});

test('an export file that was deleted is made again, also when its table has not changed', async () => {
  const bus = await exportedBus();
  const before = readFileSync(exportPath(bus));
  const { rmSync } = await import('node:fs');
  rmSync(bus.config.export.exportDir, { recursive: true });
  await drain(bus);
  expect(await readParquet(exportPath(bus))).toHaveLength(3);
  expect(before.length).toBeGreaterThan(0);
});

sampled(
  'whoever reads an export while it is replaced again and again finds a whole one each time, never an older one',
  async () => {
    const bus = await exportedBus();
    await startDaemon(bus);
    let rows = 0;
    for (let i = 0; i < 12; i++) {
      await (await submit(bus, { schemaHint: 'canon.numbers', select: numbers(1) })).settled();
      for (let look = 0; look < 5; look++) {
        const found = (await readParquet(exportPath(bus))).length;
        expect(found).toBeGreaterThanOrEqual(rows);
        rows = found;
      }
    }
    await eventually(
      async () => (await readParquet(exportPath(bus))).length,
      found => found === 15,
    );
  },
);

test('with exports switched off none is made, and everything else works', async () => {
  const bus = makeTestBus({ export: { enabled: false } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
  expect(existsSync(exportPath(bus))).toBe(false);
});
