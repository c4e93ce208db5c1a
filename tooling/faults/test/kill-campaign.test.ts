import { expect, test } from 'vitest';
import { faultPointsOf } from '../src/fault-points.js';
import { Random } from '../src/random.js';
import { killAtRandom, killDaemonAt, killProducerAt } from '../src/rounds.js';

/**
 * Another seed each day, and always the one that `FC_SEED` names; the long run is `pnpm faults`.
 */
const seed = Number(process.env.FC_SEED ?? Math.floor(Date.now() / 86_400_000));
const random = new Random(seed);
console.log(`seed ${seed} (replay: FC_SEED=${seed} pnpm --filter @quantbot/tooling-faults test:integration)`);

function sample(points: readonly string[], count: number): string[] {
  const left = [...points];
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(random.int(0, left.length - 1), 1)[0] as string,
  );
}

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

test.each(sample(faultPointsOf('@quantbot/infra'), 2))(
  'a producer killed at %s leaves its job whole or absent',
  async point => {
    expect((await killProducerAt(point, random.int(1, 3), random)).problems).toEqual([]);
  },
);

test.each(sample(faultPointsOf('@quantbot/bus-daemon'), 8))(
  'a daemon killed at %s loses and doubles nothing',
  async point => {
    expect((await killDaemonAt(point, random.int(1, 2), random)).problems).toEqual([]);
  },
);

test('a daemon killed at random moments under load loses and doubles nothing', async () => {
  const result = await killAtRandom(8, random);
  expect(result.problems).toEqual([]);
  expect(result.jobs).toBeGreaterThan(100);
});
