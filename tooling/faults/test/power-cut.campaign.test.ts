import { seed } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { cutPower, whyNoPowerCut } from '../src/power-cut.js';
import { Random } from '../src/random.js';
import { lyingFsync, whyNoStrace } from '../src/strace.js';

test('after a power cut nothing that was acknowledged is gone, and nothing is half there', {
  tags: ['campaign'],
}, async context => {
  const reason = await whyNoPowerCut();
  if (reason !== undefined) {
    console.log(`skipped: no power cut can be made here: ${reason}`);
    return context.skip();
  }
  console.log(`seed ${seed}`);
  const { problems, jobs } = await cutPower(new Random(seed));
  expect(problems, problems.join('; ')).toEqual([]);
  expect(jobs).toBeGreaterThan(0);
});

test('the harness sees a lie: with an fsync that does nothing, the same power cut is noticed', {
  tags: ['campaign'],
}, async context => {
  const reason = (await whyNoPowerCut()) ?? whyNoStrace();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    return context.skip();
  }
  const { problems } = await cutPower(new Random(seed), { strace: lyingFsync });
  expect(problems.join('\n')).toMatch(/acknowledged, but the journal does not know it|draining daemon ended/);
});
