import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAfterDamage } from './after-damage.js';
import { checkBus, lostBytes } from './checker.js';
import { readLedger } from './ledger.js';
import { makeBus } from './make-bus.js';
import { drain, endedWithin, mustEndWell, startDaemon, startProducer } from './processes.js';
import type { Random } from './random.js';
import { ruleMutants } from './rule-mutants.js';

/** The result of a round. */
export interface RoundResult {
  name: string;
  kills: number;
  problems: string[];
  jobs: number;
}

/** Kills the daemon at a named point (the n-th time that it passes it), restarts it, and checks. */
export async function killDaemonAt(point: string, nth: number, random: Random): Promise<RoundResult> {
  return inBus(`daemon at ${point}#${nth}`, async folder => {
    await mustEndWell(startProducer(folder, 'p0', 12, random.int(1, 1e9), { forgets: true }), 'the producer');
    const daemon = startDaemon(folder, { faultPoint: `${point}#${nth}` });
    let ended: Awaited<ReturnType<typeof endedWithin>>;
    // Some points are passed only once per wave of jobs, such as those of an export.
    for (let wave = 1; wave <= 6 && ended === undefined; wave++) {
      const load = startProducer(folder, `p${wave}`, 12, random.int(1, 1e9), { forgets: true });
      ended = await endedWithin(daemon, 4_000);
      await load.ended;
    }
    ended ??= await endedWithin(daemon, 60_000); // a slow machine may need longer
    if (ended?.signal !== 'SIGKILL') {
      daemon.kill('SIGKILL');
      return { kills: 0, problems: [`the daemon never passed ${point} ${nth} times`] };
    }
    return { kills: 1, problems: await lostBytes(join(folder, 'data')) };
  });
}

/** Kills a producer at a named point of its submission, and checks. */
export async function killProducerAt(point: string, nth: number, random: Random): Promise<RoundResult> {
  return inBus(`producer at ${point}#${nth}`, async folder => {
    const daemon = startDaemon(folder);
    const ended = await endedWithin(
      startProducer(folder, 'p0', 8, random.int(1, 1e9), { forgets: true, faultPoint: `${point}#${nth}` }),
      120_000,
    );
    daemon.kill('SIGTERM');
    await daemon.ended;
    return {
      kills: 1,
      problems: ended?.signal === 'SIGKILL' ? [] : [`the producer never passed ${point} ${nth} times`],
    };
  });
}

/** Kills the daemon at random moments while producers work. */
export async function killAtRandom(kills: number, random: Random): Promise<RoundResult> {
  return inBus(`${kills} random kills (seed ${random.seed})`, async folder => {
    const problems: string[] = [];
    const producers = [0, 1, 2].map(p =>
      startProducer(folder, `p${p}`, kills * 2, random.int(1, 1e9), { forgets: true }),
    );
    for (let kill = 0; kill < kills; kill++) {
      const daemon = startDaemon(folder);
      await sleep(random.int(150, 1500));
      daemon.kill('SIGKILL');
      await daemon.ended;
      problems.push(...(await lostBytes(join(folder, 'data'))));
    }
    for (const producer of producers) await producer.ended;
    return { kills, problems };
  });
}

/**
 * Has a daemon forget artifacts while it breaks a rule, or none, and checks. Some rules show only
 * after a kill. A sound daemon must not start afterwards, because it would mend some of the damage.
 *
 * @returns the problems.
 */
export async function breakRule(ruleMutant: string | undefined, random: Random): Promise<string[]> {
  const killAt = ruleMutant === undefined ? undefined : ruleMutants[ruleMutant]?.killAt;
  const folder = await makeBus();
  const data = join(folder, 'data');
  const problems: string[] = [];
  const run = async (faultPoint?: string) => {
    const sabotage = {
      ...(ruleMutant !== undefined && { ruleMutant }),
      ...(faultPoint !== undefined && { faultPoint }),
    };
    const daemon = startDaemon(folder, { drain: true, ...sabotage });
    if ((await endedWithin(daemon, 120_000)) === undefined) problems.push('the daemon hangs');
    daemon.kill('SIGKILL');
    await daemon.ended;
    problems.push(...(await lostBytes(data)));
  };
  await mustEndWell(startProducer(folder, 'p0', 12, random.int(1, 1e9)), 'the producer');
  await drain(folder);
  // In the second wave only operations change tables and exports.
  for (const [wave, forgets] of [['p1', true] as const, ['p2', 'only'] as const]) {
    await mustEndWell(startProducer(folder, wave, 12, random.int(1, 1e9), { forgets }), 'the producer');
    await run(killAt);
  }
  if (killAt !== undefined) await run();
  problems.push(...(await checkBus(data, readLedger(join(folder, 'ledger.jsonl')))));
  rmSync(folder, { recursive: true });
  return problems;
}

/** Does the damage, then restarts, checks, and restarts once more, which must change nothing. */
async function inBus(
  name: string,
  damage: (folder: string) => Promise<{ kills: number; problems: string[] }>,
): Promise<RoundResult> {
  const folder = await makeBus();
  const { kills, problems } = await damage(folder);
  const checked = await checkAfterDamage(folder);
  problems.push(...checked.problems);
  if (problems.length === 0) rmSync(folder, { recursive: true });
  else problems.push(`left for looking at: ${folder}`);
  return { name, kills, problems, jobs: checked.jobs };
}
