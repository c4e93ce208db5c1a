import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { drain, mustEndWell, type Running, startDaemon, startPlainProducer } from './processes.js';
import { readRecording } from './strace.js';

/** The additional cost of one more job with one small artifact. */
export interface JobCost {
  /** System calls on anything in the bus's folders. */
  calls: number;
  flushes: number;
  bytesWritten: number;
}

const few = 64;
const many = 320;

/** Returns the daemon's cost. */
export const costOfAJob = (schemaHint?: string): Promise<JobCost> =>
  costOfOneMore(jobs => daemonWith(jobs, schemaHint));

/** Returns the producer's cost. */
export const costOfASubmission = (): Promise<JobCost> => costOfOneMore(producerOf);

/**
 * Returns the difference between a run with many jobs and one with few. The cost of start and end
 * is in both.
 */
async function costOfOneMore(runWith: (jobs: number) => Promise<JobCost>): Promise<JobCost> {
  const [less, more] = [await runWith(few), await runWith(many)];
  const each = (figure: keyof JobCost) => (more[figure] - less[figure]) / (many - few);
  return { calls: each('calls'), flushes: each('flushes'), bytesWritten: each('bytesWritten') };
}

const daemonWith = (jobs: number, schemaHint: string | undefined): Promise<JobCost> =>
  counted(async (folder, strace) => {
    await submitMany(folder, 'first', 1, schemaHint); // creates the table
    await drain(folder);
    await submitMany(folder, 'job', jobs, schemaHint);
    return startDaemon(folder, { strace, drain: true });
  });

const producerOf = (jobs: number): Promise<JobCost> =>
  counted(async (folder, strace) => {
    const file = join(folder, 'file.parquet');
    // quantbot-bus-scan: allow a process of its own submits it
    await writeSmallParquet(file, { columns: { i: 'int64' }, rows: [{ i: 1 }] });
    return startPlainProducer(folder, file, jobs, strace);
  });

/** Counts the system calls of a process in the folders of a new bus. */
async function counted(start: (folder: string, strace: readonly string[]) => Promise<Running>): Promise<JobCost> {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-cost-'));
  try {
    mkdirSync(join(folder, 'data'));
    const settings = { export: { enabled: false }, compaction: { hot_commits: 1000, idle_s: 3600 } };
    writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(settings));
    await drain(folder);
    const file = join(folder, 'calls.log');
    const strace = ['-f', '-qq', '-y', '-s', '0', '-o', file, '-e', 'trace=%file,%desc'];
    await mustEndWell(await start(folder, strace), 'the process under strace');
    const calls = readRecording(file).filter(call => call.paths.some(path => path.startsWith(join(folder, 'data'))));
    return {
      calls: calls.length,
      flushes: calls.filter(({ call }) => call === 'fsync' || call === 'fdatasync').length,
      bytesWritten: calls
        .filter(({ call }) => ['write', 'pwrite64', 'copy_file_range', 'sendfile'].includes(call))
        .reduce((sum, { result }) => sum + Math.max(0, result ?? 0), 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function submitMany(folder: string, name: string, count: number, schemaHint: string | undefined): Promise<void> {
  const parquetPath = join(folder, 'file.parquet');
  for (let i = 0; i < count; i++) {
    await writeSmallParquet(parquetPath, { columns: { i: 'int64' }, rows: [{ i }] });
    await submitArtifact({
      busRoot: join(folder, 'data/bus'),
      runId: `${name}-${i}`,
      producer: 'cost',
      kind: 'probe',
      artifactId: 'a',
      parquetPath,
      ...(schemaHint !== undefined && { schemaHint }),
    });
  }
}
