import { join } from 'node:path';
import { forgetArtifacts } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { type BenchBus, drain, makeBus, startDaemon, watchMemory } from '../bus.js';
import { fill, fillSmall, perJob } from '../fill.js';
import { cpuSecondsOfTree } from '../memory.js';
import { type Row, round, type Suite } from '../results.js';

const share = 0.9;
/** The most keys that one operation can have. */
const keysAtOnce = 2000;
const probes = 320;

/**
 * Forgetting nine of ten artifacts of a large bus. It measures processor time, so that other load
 * counts little.
 */
export const forgetting: Suite = async ({ folder, quick, upTo, say }) => {
  const count = quick ? 10_000 : upTo;
  const bus = await makeBus(join(folder, 'bus'), { export: { enabled: false }, batch: { max_jobs: 64 } });
  const file = join(folder, 'file.parquet');
  for (let have = 0; have < count; have += 20_000) {
    say(`forgetting: ${have} of ${count} artifacts`);
    await fill(bus, file, { from: have, count: Math.min(20_000, count - have), idsAgain: true });
    await drain(bus);
  }
  const before = await stateOf(bus, file, 'before');
  const gone = Math.floor((count * share) / keysAtOnce) * keysAtOnce;
  say(`forgetting: ${gone} of ${count}`);
  const decided = await forget(bus, gone);
  say('forgetting: the rest of the bytes');
  const drained = await drain(bus);
  const after = await stateOf(bus, file, 'after');
  const seconds = decided.cpuSeconds + drained.cpuSeconds - after.idle;
  const named = (state: string) => `${count.toLocaleString('en')} artifacts, ${state}`;
  const rows: Row[] = [
    { what: named('none forgotten'), ...before.figures },
    {
      what: named(`${gone.toLocaleString('en')} forgotten`),
      ...after.figures,
      cpu_ms_per_forgotten: round((seconds / gone) * 1000),
      peak_mb_forgetting: Math.max(decided.peakMb, drained.peakMb),
    },
  ];
  const more = 'pnpm bench --only forgetting --up-to 1000000';
  return {
    suite: 'forgetting',
    title: 'Forgetting most artifacts',
    how: `The bus has jobs of ${perJob.toLocaleString('en')} artifacts of one row. A running daemon forgets nine of ten, with ${keysAtOnce.toLocaleString('en')} keys in each operation, and removes their bytes. cpu_ms_per_forgotten is the processor time of the daemon, from the first operation until all bytes are gone. A small job is one of ${probes}, without the start of the daemon. The catalog is asked for one artifact by its key, for those of a run, for their number, and for the newest of a source: processor time, warm, the least of seven.`,
    rows,
    skipped: count < 1_000_000 ? [`More than ${count.toLocaleString('en')} artifacts: ${more}.`] : [],
  };
};

/** Forgets the artifacts of the first runs, and returns what the daemon took for it. */
async function forget(bus: BenchBus, count: number): Promise<{ cpuSeconds: number; peakMb: number }> {
  const daemon = await startDaemon(bus);
  const peak = watchMemory(daemon.pid);
  const before = cpuSecondsOfTree(daemon.pid);
  for (let from = 0; from < count; from += keysAtOnce) {
    const keys = Array.from({ length: keysAtOnce }, (_, i) => keyOf(from + i));
    const outcomes = await forgetArtifacts({ keys, reason: 'measured' }, { busRoot: bus.root, timeoutMs: 600_000 });
    const left = outcomes.find(({ status }) => status !== 'forgotten');
    if (left !== undefined) throw new Error(`${left.key} is ${left.status}`);
  }
  const cpuSeconds = cpuSecondsOfTree(daemon.pid) - before;
  const peakMb = peak();
  await daemon.stop();
  return { cpuSeconds, peakMb };
}

const keyOf = (i: number): string => `run-${Math.floor(i / perJob) * perJob}/bench/fill/a${i % perJob}`;

/** What the bus costs now: the start of a daemon (seconds), and figures for the table. */
async function stateOf(
  bus: BenchBus,
  file: string,
  name: string,
): Promise<{ idle: number; figures: Omit<Row, 'what'> }> {
  const { cpuSeconds: idle } = await drain(bus);
  const asked = await askCatalog(bus);
  await fillSmall(bus, file, { name, jobs: probes });
  const { cpuSeconds } = await drain(bus);
  const figures = {
    start_cpu_s: round(idle),
    cpu_ms_per_small_job: round(((cpuSeconds - idle) / probes) * 1000),
    ...asked,
  };
  return { idle, figures };
}

async function askCatalog(bus: BenchBus): Promise<Omit<Row, 'what'>> {
  await using catalog = await openCatalog({ duckdbPath: bus.database });
  const leastCpu = async (work: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
    }
    return round(Math.min(...times.slice(1)));
  };
  return {
    one_cpu_ms: await leastCpu(() =>
      catalog.query(`SELECT * FROM catalog.artifacts_f WHERE artifact_key = '${keyOf(0)}'`),
    ),
    run_cpu_ms: await leastCpu(() => catalog.artifacts({ runId: 'run-0' })),
    count_cpu_ms: await leastCpu(() => catalog.query('SELECT count(*) FROM catalog.artifacts_f')),
    latest_cpu_ms: await leastCpu(() => catalog.latest({ producer: 'bench', kind: 'fill' })),
  };
}
