/**
 * The kill campaign: `pnpm faults [--seed N] [--kills N] [--power-cuts N]`. Each named fault point of daemon and producer once or more, then random kills
 * under load. Prints a line per round and the seed that replays it; exit code 1 when a promise was broken.
 */
import { parseArgs } from 'node:util';
import { faultPointsOf } from './fault-points.js';
import { cutPower, whyNoPowerCut } from './power-cut.js';
import { Random } from './random.js';
import { killAtRandom, killDaemonAt, killProducerAt, type RoundResult } from './rounds.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '500' },
    only: { type: 'string' },
    'power-cuts': { type: 'string', default: '0' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1e9);
const wanted = Number(values.kills);
const random = new Random(seed);
let kills = 0;
let broken = 0;
let jobs = 0;

console.log(`seed ${seed} (replay: pnpm faults --seed ${seed} --kills ${wanted})`);
const chosen = (point: string) => values.only === undefined || point.includes(values.only);
for (const point of faultPointsOf('@quantbot/infra').filter(chosen))
  for (const nth of [1, 3]) tell(await killProducerAt(point, nth, random));
for (const point of faultPointsOf('@quantbot/bus-daemon').filter(chosen))
  for (const nth of [1, 2]) tell(await killDaemonAt(point, nth, random));
while (kills < wanted && values.only === undefined)
  tell(await killAtRandom(Math.min(20, wanted - kills), new Random(random.int(1, 1e9))));
const noPowerCut = Number(values['power-cuts']) > 0 ? whyNoPowerCut() : undefined;
if (noPowerCut !== undefined) console.log(`skipped: no power cut can be made here: ${noPowerCut}`);
else for (let cut = 0; cut < Number(values['power-cuts']); cut++) tell(await cutPower(random));
console.log(`${kills} kills, ${jobs} jobs, ${broken} rounds in which a promise was broken`);
process.exitCode = broken > 0 ? 1 : 0;

function tell(result: RoundResult): void {
  kills += result.kills;
  jobs += result.jobs;
  if (result.problems.length > 0) broken++;
  console.log(`${result.problems.length === 0 ? 'held  ' : 'BROKEN'} ${result.name} (${result.jobs} jobs)`);
  for (const problem of result.problems) console.log(`       ${problem}`);
}
