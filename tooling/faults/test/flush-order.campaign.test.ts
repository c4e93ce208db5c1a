import { sampleOf } from '@quantbot/tooling-config/campaign';
import { beforeEach, describe, expect, test } from 'vitest';
import { flushProblems } from '../src/flush-order.js';
import { mutants } from '../src/mutants.js';
import { recordDaemon, recordProducer } from '../src/recorded-runs.js';
import { whyNoStrace } from '../src/strace.js';

const reason = whyNoStrace();
const record = { daemon: recordDaemon, producer: recordProducer };

describe('the order of durable steps', () => {
  beforeEach(context => {
    if (reason !== undefined) {
      console.log(`skipped: ${reason}`);
      context.skip();
    }
  });

  test.each(['daemon', 'producer'] as const)('is right in all that the %s does', { tags: ['campaign'] }, async who => {
    const recorded = await record[who]();
    expect(recorded.calls.filter(call => call.call === 'rename').length).toBeGreaterThan(3);
    expect(flushProblems(recorded)).toEqual([]);
  });

  test.each(sampleOf(Object.entries(mutants), 1))(
    'is seen to be wrong when %s',
    { tags: ['campaign'] },
    async (name, { who }) => {
      expect(flushProblems(await record[who]({ mutant: name }))).not.toEqual([]);
    },
  );
});
