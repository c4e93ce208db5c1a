import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { openCatalog } from '@quantbot/storage';
import { submitPrices } from './prices.js';

test('good prices are in the table, and bad ones are rejected', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bus-test-'));
  const configPath = join(folder, 'bus_config.json');
  cpSync(join(import.meta.dirname, 'bus_config.json'), configPath);
  const { config } = findBusConfig({ config: configPath });
  const daemon = await startDaemon({ config, logger: createLogger({ name: 'bus', level: 'silent' }) });
  try {
    const at = (price: number) => [{ ts: new Date('2026-01-31T12:00:00Z'), token: 'SPX', price }];
    const good = await submitPrices('good', at(4500.25), config.busRoot);
    assert.equal((await good.settled()).status, 'ingested');
    const bad = await submitPrices('bad', at(-1), config.busRoot);
    await assert.rejects(bad.settled(), { code: 'QUALITY_FAILED' });
    const catalog = await openCatalog({ config: configPath });
    try {
      assert.deepEqual(await catalog.query('SELECT token, price FROM canon.prices'), [
        { token: 'SPX', price: 4500.25 },
      ]);
    } finally {
      await catalog.close();
    }
  } finally {
    await daemon.stop();
    rmSync(folder, { recursive: true });
  }
});
