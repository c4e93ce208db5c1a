import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkBus } from './checker.js';
import { readLedger } from './ledger.js';
import { endedWithin, startDaemon, startProducer } from './processes.js';
import type { Random } from './random.js';
import { fingerprint } from './tree.js';

/** What a round found. */
export interface RoundResult {
  name: string;
  kills: number;
  problems: string[];
  jobs: number;
}

/** Everything small, so that a few dozen jobs pass through compaction, publication, release and export too. */
export const busConfig = {
  poll_interval_s: 0.1,
  lock_timeout_s: 5,
  batch: { max_jobs: 4 },
  compaction: { hot_commits: 3, idle_s: 0.3, release_grace_s: 0 },
  export: { min_interval_s: 0 },
};
const drainMs = 60_000;

/** A fresh folder with a bus that has one job, whose artifacts fix the columns of the canonical tables. */
export async function makeBus(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-faults-'));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(busConfig));
  await drain(folder); // marks the root
  await mustEndWell(startProducer(folder, 'first', 1, 1), 'the first producer');
  await drain(folder);
  return folder;
}

/** Kills the daemon at a named point (the n-th time that it passes it), restarts it, and checks. */
export async function killDaemonAt(point: string, nth: number, random: Random): Promise<RoundResult> {
  return inBus(`daemon at ${point}#${nth}`, async folder => {
    await mustEndWell(startProducer(folder, 'p0', 12, random.int(1, 1e9)), 'the producer');
    const daemon = startDaemon(folder, { faultPoint: `${point}#${nth}` });
    const load = startProducer(folder, 'p1', 12, random.int(1, 1e9));
    const ended = await endedWithin(daemon, 20_000);
    await load.ended;
    if (ended?.signal !== 'SIGKILL') {
      daemon.kill('SIGKILL');
      return { kills: 0, problems: [`the daemon never passed ${point} ${nth} times`] };
    }
    return { kills: 1, problems: [] };
  });
}

/** Kills a producer at a named point of its submission, and checks. */
export async function killProducerAt(point: string, nth: number, random: Random): Promise<RoundResult> {
  return inBus(`producer at ${point}#${nth}`, async folder => {
    const daemon = startDaemon(folder);
    const ended = await endedWithin(
      startProducer(folder, 'p0', 8, random.int(1, 1e9), { faultPoint: `${point}#${nth}` }),
      20_000,
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
    const producers = [0, 1, 2].map(p => startProducer(folder, `p${p}`, kills * 6, random.int(1, 1e9)));
    for (let kill = 0; kill < kills; kill++) {
      const daemon = startDaemon(folder);
      await sleep(random.int(150, 1500));
      daemon.kill('SIGKILL');
      await daemon.ended;
    }
    for (const producer of producers) await producer.ended;
    return { kills, problems: [] };
  });
}

/** Does the damage, then restarts, checks, and restarts once more, which must change nothing. */
async function inBus(
  name: string,
  damage: (folder: string) => Promise<{ kills: number; problems: string[] }>,
): Promise<RoundResult> {
  const folder = await makeBus();
  const { kills, problems } = await damage(folder);
  const submitted = readLedger(join(folder, 'ledger.jsonl'));
  const data = join(folder, 'data');
  try {
    await drain(folder);
    problems.push(...(await checkBus(data, submitted)));
    const before = fingerprint(data, isSettled);
    await drain(folder);
    problems.push(...compare(before, fingerprint(data, isSettled)), ...(await checkBus(data, submitted)));
  } catch (error) {
    problems.push(String(error));
  }
  if (problems.length === 0) rmSync(folder, { recursive: true });
  else problems.push(`left for looking at: ${folder}`);
  return { name, kills, problems, jobs: submitted.size };
}

/** What a restart must leave exactly as it is. */
const isSettled = (path: string): boolean =>
  /^bus\/(store|processed|rejected)\//.test(path) || /^exports\/.*\.parquet$/.test(path);

function compare(before: Map<string, string>, after: Map<string, string>): string[] {
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    path => before.get(path) !== after.get(path),
  );
  return changed.map(path => `${path}: changed by a restart that had nothing to do`);
}

/** Runs a daemon until nothing waits any more. */
export async function drain(folder: string): Promise<void> {
  await mustEndWell(startDaemon(folder, { drain: true }), 'the draining daemon');
}

/** Waits for a process that has to end with exit code 0. */
export async function mustEndWell(process: ReturnType<typeof startDaemon>, who: string): Promise<void> {
  const ended = await endedWithin(process, drainMs);
  if (ended?.code === 0) return;
  process.kill('SIGKILL');
  throw new Error(`${who} ended with ${ended === undefined ? 'nothing: it hangs' : (ended.signal ?? ended.code)}`);
}
