import { submitPrices } from './prices.js';

const submission = await submitPrices('first-run', [
  { ts: new Date('2026-01-31T12:00:00Z'), token: 'SPX', price: 4500.25 },
  { ts: new Date('2026-01-31T12:01:00Z'), token: 'SPX', price: 4501 },
]);
// The job is safe from here on. Wait for the daemon only if you need the outcome.
const receipt = await submission.settled({ timeoutMs: 30_000 });
console.log(`${receipt.status} as seq ${receipt.seq}`);
