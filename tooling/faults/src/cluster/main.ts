/**
 * The campaign of a cluster: `pnpm faults --cluster [--faults N] [--seed N] [--objects file|s3]
 * [--only TEXT] [--mutant NAME] [--flood N]`. Prints each fault and the seed that replays the run;
 * exit code 1 when a promise was broken.
 */
import { parseArgs } from 'node:util';
import { versitygw } from '@quantbot/tooling-servers/s3';
import { Random } from '../random.js';
import { clusterCampaign } from './campaign.js';
import { whyNoNamespaces } from './hosts.js';

/** A run of so many faults also has a LIST of 20,000 entries. */
const longRun = 300;

const { values } = parseArgs({
  options: {
    cluster: { type: 'boolean' },
    seed: { type: 'string' },
    faults: { type: 'string', default: '100' },
    objects: { type: 'string' },
    only: { type: 'string' },
    mutant: { type: 'string' },
    flood: { type: 'string' },
  },
});
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
const seed = Number(values.seed ?? Date.now() % 1e9);
const objects = (values.objects ?? (versitygw === undefined ? 'file' : 's3')) as 'file' | 's3';
const reason = whyNoNamespaces();
const { only, mutant } = values;

console.log(`seed ${seed} (replay: pnpm faults --seed ${seed} ${process.argv.slice(2).join(' ')})`);
console.log(reason === undefined ? 'each daemon in a network namespace' : `no network namespaces: ${reason}`);
const { faults, problems, jobs, acknowledged, cuts, receipts, forgets, healedMs } = await clusterCampaign({
  objects,
  mutant,
  ...(mutant !== undefined && { daemons: 2, withReplica: false }),
  faults: Number(values.faults),
  flood: Number(values.flood ?? (Number(values.faults) >= longRun ? 20_000 : 0)),
  ...(only !== undefined && { only }),
  random: new Random(seed),
  tell: line => console.log(line),
  signal: stopping.signal,
}).catch(error => {
  if (!stopping.signal.aborted) throw error;
  process.exit(130); // its faults may not have ended
});
for (const [name, times] of [...faults].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`${times} × ${name}`);
console.log(
  `${jobs} jobs begun, ${acknowledged} acknowledged, ${forgets} times asked to forget, ${cuts} COMMITs cut, ${receipts} receipts compared with readers, healed in ${healedMs} ms`,
);
for (const problem of problems.slice(0, 40)) console.log(`BROKEN ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
