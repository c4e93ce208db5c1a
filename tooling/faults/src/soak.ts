/**
 * The soak: `pnpm soak [--minutes 10] [--kill-every 20] [--seed N]`. Producers submit all the time,
 * readers keep opening the database, the daemon compacts, exports, and is killed now and then.
 * Memory and open files of the daemon are sampled; at the end the checker compares everything. Exit
 * code 1 when a promise was broken, or when memory or files have grown.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { checkBus } from './checker.js';
import { readLedger } from './ledger.js';
import { makeBus } from './make-bus.js';
import { drain, type Running, startDaemon, startProducer } from './processes.js';
import { Random } from './random.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    'kill-every': { type: 'string', default: '20' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1e9);
const random = new Random(seed);
const endsAt = Date.now() + Number(values.minutes) * 60_000;
const killEveryMs = Number(values['kill-every']) * 1000;

interface Sample {
  /** Seconds since this daemon started. */
  age: number;
  rssMb: number;
  files: number;
}

console.log(`soak of ${values.minutes} minutes, seed ${seed}`);
const folder = await makeBus();
const samples: Sample[] = [];
const readerErrors: string[] = [];
let kills = 0;
let reads = 0;
await Promise.all([produce(), read(), operate()]);
await drain(folder);
const submitted = readLedger(join(folder, 'ledger.jsonl'));
const problems = [...(await checkBus(join(folder, 'data'), submitted)), ...new Set(readerErrors)];
if (!isFlat('rssMb', 1.5)) problems.push('the memory of the daemon grows');
if (!isFlat('files', 1.5)) problems.push('the open files of the daemon grow');
const most = (what: 'rssMb' | 'files') => Math.max(...samples.map(sample => sample[what]));
console.log(
  `${submitted.size} jobs, ${kills} kills, ${reads} reads, ${readerErrors.length} reader errors, at most ${most('rssMb')} MB and ${most('files')} files`,
);
for (const problem of problems) console.log(`BROKEN ${problem}`);
if (problems.length === 0) rmSync(folder, { recursive: true });
process.exitCode = problems.length > 0 ? 1 : 0;

/** Runs three producers that submit until the end. */
async function produce(): Promise<void> {
  for (let round = 0; Date.now() < endsAt; round++)
    await Promise.all([0, 1, 2].map(p => startProducer(folder, `r${round}p${p}`, 30, random.int(1, 1e9)).ended));
}

/**
 * Opens the database, queries it and closes it repeatedly. A lock error or an older state breaks a
 * guarantee.
 */
async function read(): Promise<void> {
  for (let last = 0; Date.now() < endsAt; reads++) {
    try {
      const instance = await DuckDBInstance.create(join(folder, 'data/alerts.duckdb'), { access_mode: 'READ_ONLY' });
      const connection = await instance.connect();
      const reader = await connection.runAndReadAll('SELECT count(*) AS n FROM catalog.artifacts_f');
      const n = Number((reader.getRowObjectsJS()[0] as { n: bigint }).n);
      if (n < last) readerErrors.push(`a reader saw ${n} artifacts after ${last}`);
      last = n;
      connection.closeSync();
      instance.closeSync();
    } catch (error) {
      readerErrors.push((error as Error).message.split('\n')[0] as string);
    }
    await sleep(50);
  }
}

/** Keeps a daemon running, samples it, and kills it now and then. */
async function operate(): Promise<void> {
  while (Date.now() < endsAt) {
    const daemon = startDaemon(folder);
    const startedAt = Date.now();
    const lives = Math.min(endsAt - Date.now(), killEveryMs * (0.5 + random.next()));
    while (Date.now() - startedAt < lives) {
      await sleep(1000);
      takeSample(daemon, (Date.now() - startedAt) / 1000);
    }
    daemon.kill('SIGKILL');
    await daemon.ended;
    kills++;
  }
}

function takeSample(daemon: Running, age: number): void {
  try {
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1];
    samples.push({ age, rssMb: Math.round(Number(rss) / 1024), files: readdirSync(`/proc/${daemon.pid}/fd`).length });
  } catch {
    // it has just ended
  }
}

/**
 * Whether the last third of the samples is no larger than the first, times `factor`. Leaves out
 * daemons that have just started.
 */
function isFlat(what: 'rssMb' | 'files', factor: number): boolean {
  const warm = samples.filter(sample => sample.age > 5).map(sample => sample[what]);
  const third = Math.floor(warm.length / 3);
  if (third < 3) return true;
  const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;
  return median(warm.slice(-third)) <= factor * median(warm.slice(0, third));
}
