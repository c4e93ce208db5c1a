import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ArtifactRecord, type LatestFilter, writeParquet } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { alertSchema } from './alerts.js';
import { callsFromCatalog, inputFromCatalog } from './inputs.js';

/** A catalog that returns one artifact for every question, and records the questions. */
function catalogOf(artifact: { path: string; key: string } | undefined) {
  const asked: LatestFilter[] = [];
  const latest = async (filter: LatestFilter) => {
    asked.push(filter);
    return artifact as ArtifactRecord | undefined;
  };
  return { latest, asked };
}

test('the calls of a plan are the newest alerts, in the order of their time, with the key for the lineage', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'quantbot-backtest-')), 'alerts.parquet');
  const alert = (id: string, day: number) => ({
    ...Object.fromEntries(Object.keys(alertSchema).map(name => [name, null])),
    alert_id: id,
    token_address: 'token',
    chain: 'chain',
    ts: new Date(Date.UTC(2026, 0, day)),
  });
  await writeParquet(path, [alert('b', 2), alert('a', 1)], alertSchema);
  const catalog = catalogOf({ path, key: 'run/baseline/alerts_std/alerts_std' });
  expect(await callsFromCatalog(catalog)).toEqual({
    calls: [
      { callId: 'a', tokenAddress: 'token', chain: 'chain', calledAt: new Date(Date.UTC(2026, 0, 1)) },
      { callId: 'b', tokenAddress: 'token', chain: 'chain', calledAt: new Date(Date.UTC(2026, 0, 2)) },
    ],
    key: 'run/baseline/alerts_std/alerts_std',
  });
  expect(catalog.asked).toEqual([{ producer: 'baseline', kind: 'alerts_std' }]);
});

test('what the catalog does not have is an error that names it', async () => {
  await expect(
    inputFromCatalog(catalogOf(undefined), { producer: 'market', kind: 'candles', alias: 'prod' }),
  ).rejects.toMatchObject({ code: 'INPUT_MISSING', message: 'The catalog has no market/candles@prod.' });
  await expect(callsFromCatalog(catalogOf(undefined))).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    hint: expect.stringContaining('Submit it first'),
  });
});
