import { campaign, sampleOf, seed } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { faultPointsOf } from '../src/fault-points.js';
import { Random } from '../src/random.js';
import { killAtRandom, killDaemonAt, killProducerAt } from '../src/rounds.js';

const random = new Random(seed);
console.log(`seed ${seed} (replay: FC_SEED=${seed} pnpm --filter @quantbot/tooling-faults test:integration)`);

test('there are fault points before and after each durable effect of every stage', () => {
  const stages = new Set(
    [...faultPointsOf('@quantbot/infra'), ...faultPointsOf('@quantbot/bus-daemon')].map(point => point.split(':')[0]),
  );
  expect([...stages].sort()).toEqual([
    'claim',
    'commit',
    'compact',
    'export',
    'publish',
    'release',
    'settle',
    'store',
    'submit',
  ]);
});

test.each(sampleOf(faultPointsOf('@quantbot/infra'), 1))(
  'a producer killed at %s leaves its job whole or absent',
  { tags: ['campaign'] },
  async point => {
    expect((await killProducerAt(point, random.int(1, 3), random)).problems).toEqual([]);
  },
);

test.each(sampleOf(faultPointsOf('@quantbot/bus-daemon'), 1))(
  'a daemon killed at %s loses and doubles nothing',
  { tags: ['campaign'] },
  async point => {
    expect((await killDaemonAt(point, random.int(1, 2), random)).problems).toEqual([]);
  },
);

test('a daemon killed at random moments under load loses and doubles nothing', { tags: ['campaign'] }, async () => {
  const kills = campaign(2, 40);
  const result = await killAtRandom(kills, random);
  expect(result.problems).toEqual([]);
  expect(result.jobs).toBeGreaterThan(kills * 12);
});
