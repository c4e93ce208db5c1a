import { basename } from 'node:path';
import { JsonError, maxManifestDepth, parseJsonStrictly } from '@quantbot/infra/bus';
import {
  isBusUnavailable,
  JobRejectedError,
  type Receipt,
  type Submission,
  submitArtifacts,
} from '@quantbot/infra/utils';
import type { Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { failWith } from '../fail.js';
import { type CommonOptions, print } from '../shared.js';

interface Options extends CommonOptions {
  producer: string;
  kind: string;
  runId?: string;
  artifactId?: string;
  schemaHint?: string;
  rows?: number;
  metaJson?: string;
  input: readonly string[];
  jobId?: string;
  busRoot?: string;
  move?: true;
  wait?: string;
}

/** Exit codes beside 0 and 1, which are those of `bus_submit.py`. */
const exitCodes = { rejected: 3, timedOut: 4, unavailable: 5 };

/** `quantbot-bus submit FILE…`: submits Parquet files as one job. */
export async function submitCommand(files: readonly string[], options: Options, command: Command): Promise<void> {
  if (files.length > 1)
    for (const name of ['artifactId', 'rows'] as const)
      if (options[name] !== undefined)
        command.error(
          `error: --${name === 'rows' ? 'rows' : 'artifact-id'} is of one file, and there are ${files.length}`,
        );
  const meta = options.metaJson === undefined ? undefined : parseMeta(options.metaJson, command);
  const timeoutMs = options.wait === undefined ? undefined : parseDuration(options.wait);
  if (options.wait !== undefined && timeoutMs === undefined)
    command.error('error: a duration is a number and one of s, m, h, d, such as 30s');
  // The library of producers finds the bus by the environment.
  if (options.config !== undefined) {
    process.env.QUANTBOT_BUS_CONFIG = options.config;
    delete process.env.QUANTBOT_BUS_ROOT;
  }
  try {
    const submission = await submitArtifacts({
      runId: options.runId ?? newRunId(),
      producer: options.producer,
      kind: options.kind,
      inputs: options.input,
      jobId: options.jobId,
      busRoot: options.busRoot,
      transfer: options.move ? 'move' : 'copy',
      artifacts: files.map(file => ({
        artifactId: options.artifactId ?? basename(file).replace(/\.(parquet|parq|pq)$/i, ''),
        parquetPath: file,
        schemaHint: options.schemaHint,
        rows: options.rows,
        meta,
      })),
    });
    const receipt = timeoutMs === undefined ? undefined : await submission.settled({ timeoutMs });
    print(options, describe(submission, receipt), () => lines(submission, receipt));
  } catch (error) {
    failWith(error);
    process.exitCode = exitCodeOf(error);
  }
}

function parseMeta(text: string, command: Command): Record<string, unknown> {
  try {
    const meta = parseJsonStrictly(Buffer.from(text), maxManifestDepth);
    if (typeof meta === 'object' && meta !== null && !Array.isArray(meta)) return meta as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return command.error(`error: --meta-json ${error.message}`);
  }
  return command.error('error: --meta-json is not a JSON object');
}

const newRunId = (): string => `run-${new Date().toISOString().replace(/[-:.]/g, '')}`;

function exitCodeOf(error: unknown): number {
  if (error instanceof JobRejectedError) return exitCodes.rejected;
  if ((error as { code?: unknown }).code === 'SETTLE_TIMEOUT') return exitCodes.timedOut;
  return isBusUnavailable(error) ? exitCodes.unavailable : 1;
}

/** What `bus_submit.py --json` prints. */
const describe = ({ jobId, busRoot, artifacts, warnings }: Submission, receipt: Receipt | undefined) => ({
  status: receipt?.status ?? 'submitted',
  job_id: jobId,
  bus_root: busRoot,
  artifacts: artifacts.map(({ key, artifactId, kind, rows, bytes, sha256 }) => ({
    key,
    artifact_id: artifactId,
    kind,
    rows,
    bytes,
    sha256,
  })),
  warnings,
  receipt: receipt ?? null,
});

function lines({ jobId, artifacts }: Submission, receipt: Receipt | undefined): string {
  const head = receipt === undefined ? `submitted ${jobId}` : `${receipt.status} ${jobId}, seq ${receipt.seq}`;
  const problems = new Map(receipt?.artifacts.map(({ key, quarantined }) => [key, quarantined]));
  const about = (key: string) => (problems.get(key) ?? []).map(problem => `    in quarantine: ${problem}`);
  return [
    head,
    ...artifacts.flatMap(({ key, rows, bytes }) => [`  ${key} (${rows} rows, ${bytes} bytes)`, ...about(key)]),
  ].join('\n');
}
