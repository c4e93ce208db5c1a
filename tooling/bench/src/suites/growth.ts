import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '@quantbot/storage';
import { type BenchBus, drain, makeBus } from '../bus.js';
import { fill, fillSmall, perJob } from '../fill.js';
import { percentile, type Row, round, type Suite } from '../results.js';

const probes = 320;

/** Cost per job as the bus grows. All artifacts have different bytes. */
export const growth: Suite = async ({ folder, quick, upTo, say }) => {
  const settings = { export: { enabled: false }, batch: { max_jobs: 64 } };
  const bus = await makeBus(join(folder, 'bus'), settings);
  const rows: Row[] = [];
  let have = 0;
  let firstCost: number | undefined;
  for (const target of [1000, 10_000, 100_000, 1_000_000].filter(n => n <= (quick ? 10_000 : upTo))) {
    say(`growth: up to ${target} artifacts`);
    let seconds = 0;
    let peakMb = 0;
    while (have < target) {
      const more = Math.min(target - have, 20_000);
      await fill(bus, join(folder, 'file.parquet'), { from: have, count: more });
      have += more;
      const drained = await drain(bus);
      seconds += drained.seconds;
      peakMb = Math.max(peakMb, drained.peakMb);
    }
    const idle = await drain(bus);
    // The cost of a job is measured with small jobs, as they come in daily use.
    await fillSmall(bus, join(folder, 'file.parquet'), { name: `probe-${target}`, jobs: probes });
    const probe = await drain(bus);
    const cost = (probe.seconds / probes) * 1000;
    firstCost ??= cost;
    rows.push({
      what: `${target.toLocaleString('en')} artifacts`,
      filled_per_s: round((target - (rows.length === 0 ? 0 : target / 10)) / seconds),
      ms_per_small_job: round(cost),
      of_the_first: round(cost / firstCost),
      start_s: round(idle.readySeconds),
      peak_mb: probe.peakMb,
      peak_mb_filling: peakMb,
      database_kb: round(statSync(bus.database).size / 1024),
      ...(await askCatalog(bus)),
    });
    have += probes;
  }
  return {
    suite: 'growth',
    title: 'As the bus grows',
    how: `The daemon fills the bus with jobs of ${perJob.toLocaleString('en')} artifacts, each with different bytes. It then takes ${probes} jobs of one artifact (ms_per_small_job), and the catalog is queried: medians of seven, warm.`,
    rows,
    skipped: upTo < 1_000_000 ? [`More than ${upTo.toLocaleString('en')} artifacts: pnpm bench --up-to 1000000.`] : [],
  };
};

async function askCatalog(bus: BenchBus): Promise<Omit<Row, 'what'>> {
  const catalog = await openCatalog({ duckdbPath: bus.database });
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      const from = performance.now();
      await work();
      times.push(performance.now() - from);
    }
    return round(percentile(times.slice(1), 0.5));
  };
  try {
    return {
      latest_ms: await time(() => catalog.latest({ producer: 'bench', kind: 'fill' })),
      run_ms: await time(() => catalog.artifacts({ runId: 'run-0' })),
      runs_ms: await time(() => catalog.runs({ limit: 20 })),
      same_content_ms: await time(() => catalog.sameContent('run-0/bench/fill/a0')),
      lineage_ms: await time(() => catalog.lineage('run-0/bench/fill/a0', { direction: 'inputs' })),
      past_ms: await time(async () => {
        await using past = await catalog.asOf(1);
        await past.latest({ producer: 'bench', kind: 'fill' });
      }),
    };
  } finally {
    await catalog.close();
  }
}
