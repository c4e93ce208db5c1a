import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { drain, mustEndWell, startDaemon } from './processes.js';
import { readRecording } from './strace.js';

/** What the daemon does for one more job of one small artifact, besides what it does anyway. */
export interface JobCost {
  /** System calls on anything in the bus's folders. */
  calls: number;
  flushes: number;
  bytesWritten: number;
}

const few = 64;
const many = 320;

/** Counts what a run with many jobs does more than one with few; what starting and ending costs is in both. */
export async function costOfAJob(schemaHint?: string): Promise<JobCost> {
  const [less, more] = [await runWith(few, schemaHint), await runWith(many, schemaHint)];
  const each = (figure: keyof JobCost) => (more[figure] - less[figure]) / (many - few);
  return { calls: each('calls'), flushes: each('flushes'), bytesWritten: each('bytesWritten') };
}

async function runWith(jobs: number, schemaHint: string | undefined): Promise<JobCost> {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-cost-'));
  try {
    mkdirSync(join(folder, 'data'));
    const settings = { export: { enabled: false }, compaction: { hot_commits: 1000, idle_s: 3600 } };
    writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(settings));
    await drain(folder);
    await submitMany(folder, 'first', 1, schemaHint); // makes the table
    await drain(folder);
    await submitMany(folder, 'job', jobs, schemaHint);
    const file = join(folder, 'calls.log');
    const strace = ['-f', '-qq', '-y', '-s', '0', '-o', file, '-e', 'trace=%file,%desc'];
    await mustEndWell(startDaemon(folder, { strace, drain: true }), 'the daemon under strace');
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
