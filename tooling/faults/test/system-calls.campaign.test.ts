import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { campaign, sampleOf, seed } from '@quantbot/tooling-config/campaign';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkAfterDamage } from '../src/after-damage.js';
import { makeBus } from '../src/make-bus.js';
import { endedWithin, mustEndWell, startDaemon, startProducer } from '../src/processes.js';
import { Random } from '../src/random.js';
import { type Fault, whyNoStrace } from '../src/strace.js';
import { type InjectionPoint, SystemCallRounds, type Who } from '../src/syscalls.js';

/** Samples; all of them: `pnpm faults --system-calls all`. */
const random = new Random(seed);
const reason = whyNoStrace();

describe.skipIf(reason !== undefined)('every system call', () => {
  let bus: SystemCallRounds;
  const points: Partial<Record<Who, InjectionPoint[]>> = {};

  beforeAll(async () => {
    console.log(`seed ${seed}`);
    bus = await SystemCallRounds.open();
    for (const who of ['producer', 'daemon'] as const) points[who] = await bus.points(who);
  });

  afterAll(() => bus?.close());

  test('of every kind that changes the disk there are calls to fail', { tags: ['campaign'] }, () => {
    const calls = (who: Who) => [...new Set(points[who]?.map(point => point.call))].sort();
    expect(calls('producer')).toEqual(expect.arrayContaining(['fsync', 'mkdir', 'openat', 'pwrite64', 'rename']));
    expect(calls('daemon')).toEqual(
      expect.arrayContaining(['chmod', 'fsync', 'link', 'mkdir', 'openat', 'rename', 'unlink', 'write']),
    );
  });

  test('a call that is never made counts as nothing', { tags: ['campaign'] }, async () => {
    const [point] = points.producer as [InjectionPoint];
    expect(await bus.run({ ...point, nth: 1_000_000 }, 'KILL')).toBeUndefined();
    expect(await bus.run({ ...point, nth: 1_000_000 }, 'EIO')).toBeUndefined();
  });

  const faults: [Who, Fault, boolean, number][] = [
    ['producer', 'KILL', false, campaign(1, 4)],
    ['producer', 'ENOSPC', true, campaign(1, 2)],
    ['daemon', 'KILL', false, campaign(1, 7)],
    ['daemon', 'EIO', false, campaign(1, 4)],
    ['daemon', 'ENOSPC', true, campaign(1, 4)],
    ['daemon', 'EMFILE', false, campaign(1, 3)],
  ];

  test.each(sampleOf(faults, 1))(
    '%s: %s (from then on: %s) at calls by chance loses and doubles nothing',
    { tags: ['campaign'] },
    async (who, fault, persistent, count) => {
      let fired = 0;
      // A call that this run never makes proves nothing, so the test tries another one.
      for (let attempt = 0; fired < count && attempt < count * 4; attempt++) {
        const result = await bus.run(random.pick(points[who] as InjectionPoint[]), fault, persistent);
        if (result === undefined) continue;
        fired++;
        expect(result.problems, `${result.name}: ${result.problems.join('; ')}`).toEqual([]);
      }
      expect(fired).toBe(count);
    },
  );
});

describe.skipIf(reason !== undefined)('a flush of the journal that fails', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await makeBus();
    return () => rmSync(folder, { recursive: true, force: true });
  });

  test.each(sampleOf(['EIO', 'ENOSPC'], 1))(
    'ends the process (%s), and the next start decides by what is there',
    { tags: ['campaign'] },
    async error => {
      await mustEndWell(startProducer(folder, 'p', 6, seed), 'the producer');
      const hot = join(folder, 'data/bus/journal/hot');
      // The first flush of that folder belongs to the start.
      const daemon = startDaemon(folder, {
        strace: [
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          '-P',
          hot,
          '-e',
          'trace=fsync',
          '-e',
          `inject=fsync:error=${error}:when=2`,
        ],
      });
      expect((await endedWithin(daemon, 120_000))?.code).toBe(1);
      expect(readFileSync(join(folder, 'processes.log'), 'utf8')).toContain('JOURNAL_FAILED');
      const { problems } = await checkAfterDamage(folder);
      expect(problems, problems.join('; ')).toEqual([]);
    },
  );
});

if (reason !== undefined) test.skip(`system calls cannot be looked at here: ${reason}`, () => {});
