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
    'forget',
    'publish',
    'release',
    'settle',
    'store',
    'submit',
  ]);
});

const kills = [
  ...faultPointsOf('@quantbot/infra').map(point => ['producer', point] as const),
  ...faultPointsOf('@quantbot/bus-daemon').map(point => ['daemon', point] as const),
];

test.each(sampleOf(kills, 1))(
  'a %s killed at %s leaves each job whole or absent, and doubles nothing',
  { tags: ['campaign'] },
  async (who, point) => {
    const kill = { producer: killProducerAt, daemon: killDaemonAt }[who];
    const { problems } = await kill(point, random.int(1, who === 'producer' ? 3 : 2), random);
    expect(problems, problems.join('; ')).toEqual([]);
  },
);

test('a daemon killed at random moments under load loses and doubles nothing', { tags: ['campaign'] }, async () => {
  const kills = campaign(2, 12);
  const result = await killAtRandom(kills, random);
  expect(result.problems, result.problems.join('; ')).toEqual([]);
  expect(result.jobs).toBeGreaterThan(kills * 6);
});
