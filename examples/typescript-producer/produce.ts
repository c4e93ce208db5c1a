import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BusError, isBusUnavailable, submitArtifacts } from '@quantbot/infra/utils';
import { openCatalog, writeParquet } from '@quantbot/storage';

const [runId = 'run-1'] = process.argv.slice(2);
const capital = 10_000;

/** A random walk that is the same each time: whoever runs this again makes the same bytes. */
function* walk(steps: number): Generator<{ ts: Date; price: number }> {
  let state = 42;
  let price = 100;
  for (let step = 0; step < steps; step++) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    price *= 1 + (state / 2 ** 31 - 0.5) / 50;
    yield { ts: new Date(Date.UTC(2026, 0, 1, 0, step)), price };
  }
}

/** The newest artifact of some other producer, if there is one: what we have read goes into `inputs`. */
async function inputs(): Promise<string[]> {
  try {
    await using catalog = await openCatalog();
    const candles = await catalog.latest({ producer: 'market-data', kind: 'candles' });
    return candles === undefined ? [] : [candles.key];
  } catch {
    return []; // no daemon has ever run here: nothing to read
  }
}

try {
  const folder = join('results', runId);
  await mkdir(folder, { recursive: true });
  const prices = [...walk(1000)];
  const first = prices[0]?.price ?? 1;
  const equity = prices.map(({ ts, price }) => ({ ts, equity: (capital * price) / first }));
  await writeParquet(join(folder, 'prices.parquet'), prices, { ts: 'TIMESTAMP', price: 'DOUBLE' });
  await writeParquet(join(folder, 'equity.parquet'), equity, { ts: 'TIMESTAMP', equity: 'DOUBLE' });
  const submission = await submitArtifacts({
    runId,
    producer: 'example',
    kind: 'walk',
    inputs: await inputs(),
    provenance: { program: 'examples/typescript-producer', parameters: { capital } },
    artifacts: [
      { artifactId: 'prices', parquetPath: join(folder, 'prices.parquet'), schemaHint: 'canon.example_prices' },
      { artifactId: 'equity', parquetPath: join(folder, 'equity.parquet'), schemaHint: 'canon.example_equity' },
    ],
  });
  const receipt = await submission.settled();
  console.log(`${receipt.status}: ${receipt.artifacts.map(({ key, rows }) => `${key} (${rows} rows)`).join(', ')}`);
} catch (error) {
  if (!(error instanceof BusError)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.hint}`);
  process.exitCode = isBusUnavailable(error) ? 75 : 1;
}
