import { isInSample } from '@quantbot/tooling-config/campaign';
import { type TestContext, test } from 'vitest';

/**
 * A long test. `npm test` runs it on one day of 24. `npm run test:campaigns` and a run by hand
 * always run it.
 */
export function sampled(title: string, run: (context: TestContext) => unknown): void {
  test.skipIf(!isInSample(title))(title, { tags: ['campaign'] }, run);
}
