import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchBus, built, makeBus, startDaemon } from '../bus.js';
import { race, startProgram } from '../program.js';
import { median, percentile, type Row, round, type Suite } from '../results.js';
import { submitAll } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const pauseMs = 50;

/**
 * Latency of a producer with one small job at a time, while others have submitted very many jobs.
 */
export const turns: Suite = async ({ folder, quick, say }) => {
  const { files } = await makeFiles(join(folder, 'files'), '1 KB', 1);
  const file = files[0] as string;
  const waiting = quick ? 2_000 : 20_000;
  const jobs = quick ? 10 : 40;
  const rows: Row[] = [];
  let aloneMs = Number.NaN;
  for (const others of [0, 1, 3]) {
    say(`turns: beside ${others}`);
    const bus = await makeBus(join(folder, `beside-${others}`), { export: { enabled: false } });
    for (let i = 0; i < others; i++) await submitMany(bus, `many-${i}`, file, Math.ceil(waiting / others));
    const { latenciesMs, left } = await besideOthers(bus, file, jobs);
    const medianMs = median(latenciesMs);
    if (others === 0) aloneMs = medianMs;
    rows.push({
      what: others === 0 ? 'alone' : `beside ${others}, of whom ${waiting.toLocaleString('en')} jobs wait`,
      jobs: latenciesMs.length,
      median_ms: round(medianMs),
      p90_ms: round(percentile(latenciesMs, 0.9)),
      times_alone: round(medianMs / aloneMs),
      active_producers: others + 1,
      others_still_waiting: left,
    });
  }
  return {
    suite: 'turns',
    title: 'A small job beside producers of very many',
    how: `A producer submits a job of 1 KB, waits for its receipt, and submits the next ${pauseMs} ms later. The other producers submit all of their jobs before the daemon starts. Each time is from the call of submitArtifact until the receipt. A median should not grow by more than the number of producers that are active. Jobs of the others still wait at the end, so the others were active all the time.`,
    rows,
    skipped: [],
  };
};

const submitMany = (bus: BenchBus, producer: string, file: string, count: number): Promise<void> =>
  submitAll({
    busRoot: bus.root,
    name: producer,
    producer,
    files: Array<string>(count).fill(file),
    schemaHint: null,
    artifactsPerJob: 1,
  });

/** Does not count the first jobs, because the daemon starts a process for them. */
async function besideOthers(bus: BenchBus, file: string, jobs: number) {
  const notCounted = 5;
  const daemon = await startDaemon(bus);
  try {
    const few = startProgram<{ latenciesMs: number[] }>(built('bus-producer'), {
      busRoot: bus.root,
      name: 'few',
      producer: 'few',
      files: Array<string>(jobs + notCounted).fill(file),
      schemaHint: null,
      artifactsPerJob: 1,
      oneByOne: true,
      pauseMs,
    });
    const { results } = await race([few]);
    const left = readdirSync(join(bus.root, 'inbox')).length;
    return { latenciesMs: (results[0]?.latenciesMs ?? []).slice(notCounted), left };
  } finally {
    await daemon.stop();
  }
}
