import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from '@quantbot/tooling-servers/postgres';
import { built } from '../bus.js';
import { drainCluster, makeCluster, startClusterDaemon, whyNoCluster, whyNoShares } from '../cluster.js';
import { commitAlone } from '../contenders/commit.js';
import { race, startProgram } from '../program.js';
import { median, percentile, type Row, round, type Suite } from '../results.js';
import { submitAll } from '../submit-files.js';
import { viaLake } from '../ways.js';
import { makeFiles } from '../workload.js';

const table = 'canon.ticks';
const writers = 8;
const share = 1 / 4;
/** The jobs of a whole batch. */
const batchJobs = 256;

/** A bus on PostgreSQL, a folder of objects and DuckLake, beside programs that write DuckLake. */
export const cluster: Suite = async ({ folder, quick, python, say }) => {
  const title = 'Past one machine: PostgreSQL, objects and DuckLake';
  const how = `Servers and daemons run on this machine; objects are files. Waiting jobs of 30 KB go into one canonical table. The time runs from the moment at which all daemons take jobs until readers see the rows of all jobs. In the row of DuckLake, ${writers} programs insert such files themselves, each file in one transaction. In the rows of 1, 2 and 4 daemons, each daemon has a quarter of a core and at most 64 jobs in a batch. A commit alone lasts from the lock of the journal's head until the answer to COMMIT. The idle bus is measured from the call of submitArtifact until the receipt, which is written after attached readers see the job.`;
  const reason = whyNoCluster();
  if (reason !== undefined) return { suite: 'cluster', title, how, rows: [], skipped: [reason] };
  const jobs = quick ? 100 : 1000;
  /** Several batches for each of four daemons. */
  const shared = { batch: { max_jobs: 64 } };
  const { files, ...work } = await makeFiles(join(folder, 'files'), '30 KB', jobs);
  const server = await startPostgres();
  const skipped: string[] = [];
  const rows: Row[] = [];
  let runs = 0;
  const next = async (settings: object = {}) =>
    makeCluster(join(folder, `cluster-${++runs}`), await server.newDatabase(), settings);
  const submitted = async (settings: object = {}) => {
    const made = await next(settings);
    await submitAll({ busRoot: made.root, name: 'job', files, schemaHint: table, artifactsPerJob: 1 });
    return made;
  };
  try {
    say('cluster: one daemon');
    const one = await drainCluster(await submitted(), { daemons: 1 });
    const alone = rowOf('bus, one daemon', jobs, one);
    rows.push(alone);
    if (python === undefined) skipped.push('Programs that insert into DuckLake: their packages are missing.');
    else {
      say(`cluster: ${writers} programs that insert into DuckLake`);
      const some = { ...work, files: files.slice(0, jobs / 5) };
      mkdirSync(join(folder, 'lake'));
      const row = await viaLake({ folder: join(folder, 'lake'), python }, python, some, writers, skipped);
      if (row !== undefined)
        rows.push({
          what: `${writers} programs insert into DuckLake`,
          jobs: some.files.length,
          jobs_per_s: Number(row.jobs_per_s),
          bus_is_faster_by: round(Number(alone.jobs_per_s) / Number(row.jobs_per_s)),
        });
    }
    say('cluster: commits alone');
    rows.push(await commits(await server.newDatabase(), quick ? 10 : 60));
    const noShares = whyNoShares();
    if (noShares !== undefined) skipped.push(`Daemons with a share of a core each: ${noShares}.`);
    else {
      let first = Number.NaN;
      for (const daemons of [1, 2, 4]) {
        say(`cluster: ${daemons} of a quarter of a core`);
        const drained = await drainCluster(await submitted(shared), { daemons, cores: share });
        const row = rowOf(`bus, ${daemons} × a quarter of a core`, jobs, drained);
        if (daemons === 1) first = Number(row.jobs_per_s);
        rows.push({ ...row, times_one: round(Number(row.jobs_per_s) / first) });
      }
    }
    say('cluster: idle');
    rows.push(await idle(await next(), files.slice(0, quick ? 10 : 40)));
  } finally {
    await server.stop();
  }
  return { suite: 'cluster', title, how, rows, skipped };
};

const rowOf = (what: string, jobs: number, { seconds, cpuSeconds }: { seconds: number; cpuSeconds: number }): Row => ({
  what,
  jobs,
  jobs_per_s: round(jobs / seconds),
  cpu_ms_per_job: round((cpuSeconds / jobs) * 1000),
});

async function commits(database: string, batches: number): Promise<Row> {
  const times = (await commitAlone(database, batches, batchJobs)).slice(5); // the first ones compile the program
  return {
    what: `a batch of ${batchJobs} jobs, committed to PostgreSQL alone`,
    jobs: times.length * batchJobs,
    median_ms: round(median(times)),
    p90_ms: round(percentile(times, 0.9)),
  };
}

async function idle(made: Awaited<ReturnType<typeof makeCluster>>, files: readonly string[]): Promise<Row> {
  const daemon = await startClusterDaemon(made);
  try {
    const task = { busRoot: made.root, name: 'idle', files, schemaHint: table, artifactsPerJob: 1 };
    const producer = startProgram<{ latenciesMs: number[] }>(built('bus-producer'), {
      ...task,
      oneByOne: true,
      pauseMs: 200,
    });
    const { results } = await race([producer]);
    const latenciesMs = (results[0]?.latenciesMs ?? []).slice(5); // a process has just been started for the first
    return {
      what: 'bus, idle',
      jobs: latenciesMs.length,
      median_ms: round(median(latenciesMs)),
      p90_ms: round(percentile(latenciesMs, 0.9)),
    };
  } finally {
    await daemon.stop();
  }
}
