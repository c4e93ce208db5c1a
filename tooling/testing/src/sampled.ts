import { isInSample } from '@quantbot/tooling-config/campaign';
import { type TestContext, test } from 'vitest';

/**
 * A long test. `npm test` runs it on one day of four, `npm run test:campaigns` and a run by hand
 * always.
 */
export function sampled(title: string, run: (context: TestContext) => unknown): void {
  if (isInSample(title)) test(title, run);
}
