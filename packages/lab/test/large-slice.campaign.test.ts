import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readParquet, writeParquet } from '@quantbot/storage';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-lab-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rows = 300_000;
const perCall = 10_000;

function* candles() {
  for (let i = 0; i < rows; i++)
    yield {
      call_id: `call-${String(Math.floor(i / perCall)).padStart(3, '0')}`,
      token_address: 'T',
      chain: 'c',
      timestamp: new Date(Date.UTC(2020, 0, 1) + (i % perCall) * 60_000),
      close: 100 + (i % 17),
    };
}

const schema = {
  call_id: 'VARCHAR',
  token_address: 'VARCHAR',
  chain: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  close: 'DOUBLE',
};

const program = `
import { FeatureSetCompiler } from '@quantbot/lab';
const [source, outputDir, busRoot] = process.argv.slice(1);
const settings = { smaBars: [20], emaBars: [12], volatilityBars: [20] };
const { rows } = await new FeatureSetCompiler({ busRoot }).compile({ runId: 'large', source, outputDir, settings });
console.log(rows);
`;

// As objects the rows would need more than twice of what this process may have: about 200 bytes
// each, and more for their features.
test('a slice that does not fit into the heap as a whole is compiled all the same', {
  tags: ['campaign'],
}, async () => {
  const source = join(folder, 'slice.parquet');
  await writeParquet(source, candles(), schema);
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=40',
    '--input-type=module',
    '--eval',
    program,
    source,
    join(folder, 'out'),
    join(folder, 'no-bus'),
  ]);
  expect(stdout).toBe(`${rows}\n`);
  const last = { columns: ['call_id', 'sma_20', 'drawdown'], where: "timestamp = TIMESTAMP '2020-01-07 22:39:00'" };
  const calls = await readParquet(join(folder, 'out/features.parquet'), last);
  expect(calls).toHaveLength(rows / perCall);
  expect(calls.every(({ sma_20, drawdown }) => sma_20 > 100 && drawdown <= 0)).toBe(true);
});
