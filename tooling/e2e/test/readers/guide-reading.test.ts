import { join } from 'node:path';
import { submitArtifact } from '@quantbot/infra/utils';
import { openDuckDb, readParquet } from '@quantbot/storage';
import { produce } from '@quantbot/tooling-testing/parquet';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';

const alerts = `SELECT * FROM (VALUES ('a-1', 'SPX', TIMESTAMP '2020-03-16', 2386.13), ('a-2', 'SPX', TIMESTAMP '2020-08-18', 3389.78)) t(alert_id, token_address, ts, price)`;
const expected = [
  { alert_id: 'a-1', token_address: 'SPX', ts: new Date('2020-03-16'), price: '2386.13' },
  { alert_id: 'a-2', token_address: 'SPX', ts: new Date('2020-08-18'), price: '3389.78' },
];

test("both of the guide's reading examples, word for word", async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submitArtifact({
    runId: 'run-123',
    producer: 'baseline',
    kind: 'alerts_std',
    artifactId: 'alerts_std',
    parquetPath: await produce(bus, alerts),
    schemaHint: 'canon.alerts_std',
    rows: 2,
    meta: { interval: '1m' },
    busRoot: bus.layout.root,
  });
  await drain(bus);
  const before = process.cwd();
  process.chdir(bus.folder); // the guide's paths are relative to where data/ is
  try {
    // Option 1: Read golden export directly
    {
      const rows = await readParquet('data/exports/alerts_std.parquet');
      expect(rows).toMatchObject(expected);
    }
    // Option 2: Query catalog to find latest artifact
    {
      const db = await openDuckDb('data/alerts.duckdb', { readOnly: true });
      const latest = await db.query(`
        SELECT canonical_path 
        FROM catalog.latest_artifacts_v 
        WHERE producer = 'baseline' AND kind = 'alerts_std'
      `);
      const rows = await readParquet(latest[0]!.canonical_path);
      expect(rows).toEqual(expected);
      expect(latest[0]?.canonical_path).toBe(join(bus.layout.store, 'baseline/alerts_std/run-123@alerts_std.parquet'));
      await db.close();
    }
  } finally {
    process.chdir(before);
  }
});
