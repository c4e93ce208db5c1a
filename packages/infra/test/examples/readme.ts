import { submitArtifact, writeSmallParquet } from '../../src/utils/index.js';

await writeSmallParquet('trades.parquet', {
  columns: { ts: 'timestamp', token: 'string', price: 'double', note: { type: 'string', optional: true } },
  rows: [{ ts: new Date('2026-01-31T12:00:00Z'), token: 'SPX', price: 4500.25, note: null }],
});

const submission = await submitArtifact({
  runId: 'run-123',
  producer: 'simulation',
  kind: 'trades',
  artifactId: 'trades',
  parquetPath: 'trades.parquet',
  schemaHint: 'canon.trades',
  meta: { interval: '1m' },
});
console.log(`submitted ${submission.jobId}: ${submission.artifacts[0]?.rows} rows`);

const receipt = await submission.settled({ timeoutMs: 10_000 });
console.log(`stored at ${receipt.artifacts[0]?.canonical_path}`);
