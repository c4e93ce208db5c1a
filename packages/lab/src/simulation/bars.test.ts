import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ArtifactFilter, type ArtifactRecord, writeParquet } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { readBars, readBarsFromCatalog } from './bars.js';

const bar = (day: number) => ({ timestamp: new Date(Date.UTC(2026, 0, day)), open: 1, high: 2, low: 1, close: day });

test('the bars of a run are those of its newest slice, each once, with the key for the lineage', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'quantbot-lab-')), 'slice.parquet');
  const rows = [bar(2), bar(1), bar(2)].map((row, n) => ({ call_id: `c${n}`, token_address: 'T', ...row }));
  const prices = { open: 'DOUBLE', high: 'DOUBLE', low: 'DOUBLE', close: 'DOUBLE' };
  await writeParquet(path, rows, { call_id: 'VARCHAR', token_address: 'VARCHAR', timestamp: 'TIMESTAMP', ...prices });
  const asked: (ArtifactFilter | undefined)[] = [];
  const catalog = {
    artifacts: async (filter?: ArtifactFilter) => {
      asked.push(filter);
      return [{ path, key: 'run/backtest/slice/slice' } as ArtifactRecord];
    },
  };
  expect(await readBarsFromCatalog(catalog, { runId: 'run' })).toEqual({
    bars: new Map([['T', [bar(1), bar(2)]]]),
    key: 'run/backtest/slice/slice',
  });
  expect(asked).toEqual([{ runId: 'run', producer: 'backtest', kind: 'slice', limit: 1 }]);
});

test('a token that is on two chains is refused, since its bars would pass for those of one', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'quantbot-lab-')), 'slice.parquet');
  const prices = { open: 'DOUBLE', high: 'DOUBLE', low: 'DOUBLE', close: 'DOUBLE' };
  const schema = { token_address: 'VARCHAR', chain: 'VARCHAR', timestamp: 'TIMESTAMP', ...prices };
  const on = (chain: string, day: number, token_address = 'T') => ({ token_address, chain, ...bar(day) });
  await writeParquet(path, [on('x', 1), on('x', 2), on('y', 1, 'U')], schema);
  expect([...(await readBars(path)).keys()]).toEqual(['T', 'U']);
  await writeParquet(path, [on('x', 1), on('y', 2)], schema);
  await expect(readBars(path)).rejects.toMatchObject({
    code: 'BARS_INVALID',
    message: 'The token T is on two chains, x and y.',
  });
});

test('a run without a slice is an error that names it', async () => {
  await expect(readBarsFromCatalog({ artifacts: async () => [] }, { runId: 'nobody' })).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    message: 'The catalog has no backtest/slice of the run nobody.',
  });
});
