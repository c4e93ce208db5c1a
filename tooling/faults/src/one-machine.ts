/**
 * The fault campaign:
 * `pnpm faults [--seed N] [--kills N] [--only POINT] [--power-cuts N]
 * [--system-calls kill|errors|all] [--share 0.2]``.
 * Each named fault point of daemon and producer twice, then random kills under load; if asked for,
 * power cuts, and every system call. Prints a line per round and the seed that replays it; exit
 * code 1 when a promise was broken.
 */
import { parseArgs } from 'node:util';
import { faultPointsOf } from './fault-points.js';
import { cutPower, whyNoPowerCut } from './power-cut.js';
import { Random } from './random.js';
import { killAtRandom, killDaemonAt, killProducerAt, type RoundResult } from './rounds.js';
import { type Fault, whyNoStrace } from './strace.js';
import { SystemCallRounds } from './syscalls.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '500' },
    only: { type: 'string' },
    'power-cuts': { type: 'string', default: '0' },
    'system-calls': { type: 'string' },
    share: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1e9);
const random = new Random(seed);
let kills = 0;
let rounds = 0;
let broken = 0;
let jobs = 0;

console.log(`seed ${seed} (replay: pnpm faults --seed ${seed} ${process.argv.slice(2).join(' ')})`);
if (values['system-calls'] !== undefined) await failSystemCalls(values['system-calls']);
else {
  await killAtPoints();
  if (values.only === undefined) await killUnderLoad(Number(values.kills));
  await cutPowerOften(Number(values['power-cuts']));
}
console.log(`${rounds} rounds, ${kills} kills, ${jobs} jobs, ${broken} rounds in which a promise was broken`);
process.exitCode = broken > 0 ? 1 : 0;

async function killAtPoints(): Promise<void> {
  const chosen = (point: string) => values.only === undefined || point.includes(values.only);
  for (const point of faultPointsOf('@quantbot/infra').filter(chosen))
    for (const nth of [1, 3]) tell(await killProducerAt(point, nth, random));
  for (const point of faultPointsOf('@quantbot/bus-daemon').filter(chosen))
    for (const nth of [1, 2]) tell(await killDaemonAt(point, nth, random));
}

async function killUnderLoad(wanted: number): Promise<void> {
  while (kills < wanted) tell(await killAtRandom(Math.min(20, wanted - kills), new Random(random.int(1, 1e9))));
}

async function cutPowerOften(times: number): Promise<void> {
  const reason = times > 0 ? await whyNoPowerCut() : undefined;
  if (reason !== undefined) console.log(`skipped: no power cut can be made here: ${reason}`);
  else for (let cut = 0; cut < times; cut++) tell(await cutPower(random));
}

/**
 * Fails system calls one by one. `--share` chooses a random part of them, because all calls with
 * every error take hours.
 */
async function failSystemCalls(which: string): Promise<void> {
  const reason = whyNoStrace();
  if (reason !== undefined) return console.log(`skipped: ${reason}`);
  const errors = (['EIO', 'ENOSPC', 'EMFILE'] as const).flatMap(fault => [
    { fault, persistent: false },
    { fault, persistent: true },
  ]);
  const kill = { fault: 'KILL' as Fault, persistent: false };
  const faults = which === 'kill' ? [kill] : which === 'errors' ? errors : [kill, ...errors];
  const bus = await SystemCallRounds.open();
  let missed = 0;
  for (const who of ['producer', 'daemon'] as const)
    for (const point of await bus.points(who))
      for (const { fault, persistent } of faults) {
        if (random.next() >= Number(values.share)) continue;
        const result = await bus.run(point, fault, persistent);
        if (result === undefined) missed++;
        else tell(result);
      }
  bus.close();
  console.log(`${missed} rounds took another course, and their call was never made`);
}

function tell(result: RoundResult): void {
  rounds++;
  kills += result.kills;
  jobs += result.jobs;
  if (result.problems.length > 0) broken++;
  console.log(`${result.problems.length === 0 ? 'held  ' : 'BROKEN'} ${result.name} (${result.jobs} jobs)`);
  for (const problem of result.problems) console.log(`       ${problem}`);
}
