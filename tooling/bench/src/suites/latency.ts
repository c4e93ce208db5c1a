import { join } from 'node:path';
import { built, makeBus, startDaemon } from '../bus.js';
import { race, startProgram } from '../program.js';
import { percentile, type Row, round, type Suite } from '../results.js';
import { dealt, makeFiles } from '../workload.js';

/**
 * Time from the call of `submitArtifact` to the receipt. The receipt comes after the commit that
 * makes the artifact visible to readers.
 */
export const latency: Suite = async context => {
  const { folder, quick, say } = context;
  const count = quick ? 30 : 200;
  const work = await makeFiles(join(folder, 'files'), '30 KB', count * 2);
  const rows: Row[] = [];
  const chain: number[] = [];
  const bus = await makeBus(join(folder, 'bus'));
  const daemon = await startDaemon(bus);
  const producer = (name: string, files: readonly string[], more: object) =>
    startProgram<{ latenciesMs: number[]; chainMs: number[] }>(built('bus-producer'), {
      busRoot: bus.root,
      name,
      files,
      schemaHint: null,
      artifactsPerJob: 1,
      oneByOne: true,
      pauseMs: 0,
      ...more,
    });
  try {
    for (const [what, more] of [
      ['bus, idle: catalogued', { pauseMs: 50 }],
      ['bus, idle: into a canonical table', { pauseMs: 50, schemaHint: 'canon.ticks' }],
      ['bus: one producer, job after job', {}],
    ] as const) {
      say(`latency: ${what}`);
      const name = what.replace(/[^a-z]/g, '-');
      const chainIn = 'pauseMs' in more ? { chainIn: join(folder, `chain-${name}`) } : {};
      const run = producer(name, work.files.slice(0, count), { ...more, ...chainIn });
      const { latenciesMs = [], chainMs = [] } = (await race([run])).results[0] ?? {};
      chain.push(...chainMs);
      rows.push(rowOf(what, latenciesMs, percentile(chainMs.length > 0 ? chainMs : chain, 0.5)));
    }
    say('latency: under load');
    const many = dealt(work.files, 8).map((files, p) => producer(`load-${p}`, files, {}));
    const { results } = await race(many);
    const under = results.flatMap(result => result.latenciesMs);
    rows.push(rowOf('bus, under load: 8 producers, job after job', under, percentile(chain, 0.5)));
  } finally {
    await daemon.stop();
  }
  rows.unshift(rowOf('the bare chain of system calls', chain, percentile(chain, 0.5)));
  return {
    suite: 'latency',
    title: 'From submission to visible',
    how: 'The time runs from the call of submitArtifact until its receipt, which follows the commit that readers see. Files have 30 KB. The bare chain makes the system calls that one job needs, one after the other in one process: copy, hash and flush the file, write and flush the manifest, flush and rename the folder and flush the inbox, claim, hash again, link and flush, write the commit, flush, rename, flush. The idle bus gets a job, then the chain runs, and so on, each after a pause of 50 ms; each of these rows is compared with its own chain.',
    rows,
    skipped: [],
  };
};

const rowOf = (what: string, latenciesMs: readonly number[], chainMs: number): Row => ({
  what,
  jobs: latenciesMs.length,
  median_ms: round(percentile(latenciesMs, 0.5)),
  p99_ms: round(percentile(latenciesMs, 0.99)),
  times_the_chain: round(percentile(latenciesMs, 0.5) / chainMs),
});
