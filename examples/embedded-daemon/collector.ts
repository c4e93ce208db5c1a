/** Collects prices from its standard input. The daemon of their bus runs inside this program. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { startDaemon } from '@quantbot/bus-daemon';
import { createLogger, type Submission } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { openDuckDb, publishTables } from '@quantbot/storage';

const pricesPerArtifact = 50;
const schema = { ts: 'TIMESTAMP', token: 'VARCHAR', price: 'DOUBLE' };

const folder = resolve(process.argv[2] ?? 'collected');
const { config } = findBusConfig({ config: configIn(folder) });
const daemon = await startDaemon({ config, logger: createLogger({ name: 'collector', level: 'warn' }) });
// If an error stops the daemon (for example a lost disk), print it. Submitted jobs wait for the
// next daemon.
daemon.finished.catch(error => {
  console.error(`The bus has stopped: ${(error as Error).message}`);
  process.exit(1);
});
try {
  const artifacts = await collect(`collector-${new Date().toISOString().replaceAll(/[^0-9T]/g, '')}`);
  await using db = await openDuckDb(config.duckdbPath, { readOnly: true });
  const tokens = await db.query(
    'SELECT token, count(*) AS prices, arg_max(price, ts) AS newest FROM canon.example_prices GROUP BY token ORDER BY token',
  );
  console.log(`${artifacts} artifacts`);
  for (const { token, prices, newest } of tokens) console.log(`${token}: ${prices} prices, the newest ${newest}`);
} finally {
  await daemon.stop();
}

/**
 * Publishes the prices as they arrive, some at a time. Returns the number of artifacts once all are
 * committed.
 */
async function collect(runId: string): Promise<number> {
  const submissions: (Submission | undefined)[] = [];
  for await (const rows of handfuls(createInterface({ input: process.stdin }))) {
    const artifactId = `part-${String(submissions.length).padStart(4, '0')}`;
    const { submission } = await publishTables({
      runId,
      producer: 'example-collector',
      kind: 'prices',
      outputDir: join(folder, 'work'),
      tables: [{ artifactId, rows, schema, schemaHint: 'canon.example_prices' }],
      busRoot: config.busRoot,
      requireBus: true,
    });
    submissions.push(submission);
  }
  for (const submission of submissions) await submission?.settled();
  return submissions.length;
}

async function* handfuls(lines: AsyncIterable<string>): AsyncGenerator<object[], void, undefined> {
  let rows: object[] = [];
  for await (const line of lines) {
    const { ts, token, price } = JSON.parse(line) as { ts: string; token: string; price: number };
    rows.push({ ts: new Date(ts), token, price });
    if (rows.length < pricesPerArtifact) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

/**
 * Keeps the bus's configuration beside its data, so that `quantbot-bus query --config` finds both.
 */
function configIn(folder: string): string {
  const path = join(folder, 'bus_config.json');
  mkdirSync(folder, { recursive: true });
  const settings = { bus_root: 'bus', duckdb_path: 'prices.duckdb', export: { export_dir: 'exports' } };
  if (!existsSync(path)) writeFileSync(path, `${JSON.stringify(settings, null, 2)}\n`);
  return path;
}
