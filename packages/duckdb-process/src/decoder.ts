import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type DaemonCode, DaemonError } from '@quantbot/bus-format';
import { duckDbFault, machineFaultIn } from '@quantbot/bus-format/duckdb-fault';
import { meaningRules } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { TaskBudget, WorkerProcess } from './client.js';
import type { DecodeTask, DescribedFiles, ExactAnswer } from './decode-task.js';
import { decodingMemoryMb, decodingProcessMb, usualMemoryMb } from './memory.js';
import type { ValueFindings } from './quality.js';

/** Files of one schema, to be decoded together. */
export interface FilesToDecode extends Omit<DecodeTask, 'task' | 'memoryMb'> {
  /** Called with the result of `describe` once these files could be read. */
  described?: (files: DecodeTask['files'], described: DescribedFiles) => void;
  /** Called with the answers to `questions` once these files could be read. */
  answered?: (files: DecodeTask['files'], answers: readonly ExactAnswer[]) => void;
  /** Called with what `quality` found once these files could be read. */
  judged?: (findings: readonly ValueFindings[]) => void;
}

/** A problem of decoded files. */
export type DecodeFinding =
  | { nulls: string[] }
  /** A table would change their values. */
  | { unfaithful: string[] }
  /** They are broken. */
  | { unreadable: string }
  /** They may be good, but DuckDB cannot read them. */
  | { unsupported: string }
  /** They exceed the budget of decoding. */
  | { tooComplex: string }
  | { missing: string };

/** A file without a result yet: it would delay other jobs, so decode it in the background. */
export interface SlowFile {
  slow: true;
}

/** An attempt without a result: its process broke and was discarded. */
export interface SpoiltAttempt {
  spoilt: 'poisoned' | 'memory' | 'time' | 'killed';
  message: string;
  error: Error;
}

/** What decoding may cost. */
export interface DecodeBudget extends TaskBudget {
  memoryMb: number;
}

/**
 * A process that waits for a disk uses no processor time, so it also ends after this many times its
 * budget on the clock.
 */
const clockFactor = 10;
const attemptsWhenKilled = 3;
const maxMessageLength = 2000;

/**
 * Returns the budget for decoding files: a fixed part and a part by size. A file that needs more
 * memory than usual is decoded alone.
 */
export function decodeBudget(
  limits: BusConfig['limits'],
  bytes: number,
  memoryMb: number = Math.min(usualMemoryMb, decodingMemoryMb(limits)),
): Required<DecodeBudget> {
  const cpuMs = Math.round(limits.decodeMs * (1 + bytes / (10 * 1024 * 1024)));
  return { memoryMb, cpuMs, timeoutMs: cpuMs * clockFactor, residentBytes: decodingProcessMb(limits, memoryMb) * 1e6 };
}

/** Returns the budget for reading a footer, whose size is bounded. */
export const footerBudget = (limits: BusConfig['limits']): TaskBudget => decodeBudget(limits, 0, 2 * usualMemoryMb);

/** Decodes files together. Discards the process if the attempt broke it. */
export async function decodeTogether(
  worker: WorkerProcess,
  files: FilesToDecode,
  budget: DecodeBudget,
): Promise<DecodeFinding | SpoiltAttempt | undefined> {
  const { described, answered, judged, ...select } = files;
  const task = { task: 'decode' as const, ...select, memoryMb: budget.memoryMb };
  const answer = await orSpoilt(worker, () => worker.request(task, budget));
  if (!('decoded' in answer)) return 'unreadable' in answer ? findingOf(worker, files, answer) : answer;
  if (answer.decoded !== undefined) described?.(files.files, answer.decoded);
  answered?.(files.files, answer.answers);
  judged?.(answer.values);
  return undefined;
}

/** Whether an attempt gave no result. */
export const isSpoilt = (outcome: object): outcome is SpoiltAttempt => 'spoilt' in outcome;

async function orSpoilt<T>(worker: WorkerProcess, attempt: () => Promise<T>): Promise<T | SpoiltAttempt> {
  try {
    return await attempt();
  } catch (error) {
    const spoilt = error instanceof DaemonError && !worker.isClosed ? spoiltBy[error.code] : undefined;
    if (spoilt === undefined) throw error;
    return { spoilt, message: (error as Error).message, error: error as Error };
  }
}

const spoiltBy: Partial<Record<DaemonCode, SpoiltAttempt['spoilt']>> = {
  WORKER_CRASHED: 'poisoned',
  WORKER_KILLED: 'killed',
  WORKER_MEMORY: 'memory',
  WORKER_TIMEOUT: 'time',
};

function findingOf(
  worker: WorkerProcess,
  { files }: FilesToDecode,
  { unreadable, column }: { unreadable: string; column?: string | undefined },
): DecodeFinding | SpoiltAttempt {
  // A stack trace may follow, and DuckDB quotes values of any length.
  const message = (unreadable.split('\n', 1)[0] ?? '').slice(0, maxMessageLength);
  const named = column === undefined ? message : `${column}: ${message}`;
  const fault = duckDbFault(message);
  switch (fault) {
    case 'machine':
      throw machineFaultIn(message); // blames no file: the daemon pauses
    case 'memory':
    case 'poisoned':
      worker.stop();
      return { spoilt: fault, message, error: new Error(message) };
    case 'missing': {
      // If the folder is gone too, no job removed it.
      const gone = files.find(({ path }) => !existsSync(dirname(path)));
      if (gone === undefined) return { missing: message };
      throw Object.assign(new Error(message), { code: 'ENOENT', syscall: 'open', path: dirname(gone.path) });
    }
    case 'range':
      return { unfaithful: [`${named}; write ${meaningRules.range.instead}`] };
    case 'text':
      return {
        unfaithful: [`${column ?? 'a column'}: has a text that is not valid UTF-8; write ${meaningRules.text.instead}`],
      };
    case 'json':
      return {
        unfaithful: [`${column ?? 'a column'}: has a text that is no JSON; write ${meaningRules.json.instead}`],
      };
    case 'unsupported':
      return { unsupported: named };
    case 'file':
      return { unreadable: named };
  }
}

/**
 * Decodes one file in a fresh process, with all the memory that a file may have. Only a failure
 * here is the file's fault: an earlier one may have been caused by another file, or by a limit
 * meant for many.
 *
 * @param before the outcome of an earlier attempt in a process that had done other work.
 * @throws DaemonError `WORKER_KILLED` if even an idle process is killed.
 */
export async function decodeAlone(
  worker: WorkerProcess,
  file: FilesToDecode,
  limits: BusConfig['limits'],
  before?: SpoiltAttempt,
): Promise<DecodeFinding | undefined> {
  // The time counts for this file only, whatever the process did before.
  if (before?.spoilt === 'time') return { tooComplex: before.message };
  const bytes = file.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const memoryMb = decodingMemoryMb(limits);
  const budget = decodeBudget(limits, bytes, memoryMb);
  const outcome = await inFreshProcess(worker, () => decodeTogether(worker, file, budget));
  if (outcome === undefined || !isSpoilt(outcome)) return outcome;
  const { spoilt, message } = outcome;
  if (spoilt === 'poisoned') return { unsupported: message };
  return { tooComplex: spoilt === 'memory' ? `With ${memoryMb} MB: ${message}` : message };
}

/**
 * Makes an attempt in a fresh process, and repeats it if the process is killed: the kernel may kill
 * it because of other processes.
 *
 * @throws DaemonError `WORKER_KILLED` if even an idle process is killed.
 */
export async function inFreshProcess<T extends object | undefined>(
  worker: WorkerProcess,
  attempt: () => Promise<T | SpoiltAttempt>,
): Promise<T | SpoiltAttempt> {
  for (let count = 1; ; count++) {
    worker.stop();
    const outcome = await orSpoilt(worker, attempt);
    if (outcome === undefined || !isSpoilt(outcome) || outcome.spoilt !== 'killed') return outcome;
    if (!(await isWell(worker))) throw outcome.error;
    if (count === attemptsWhenKilled) return { ...outcome, message: `${count} times in a row: ${outcome.message}` };
  }
}

/** Whether a process works at all. If not, the machine is at fault and not a file. */
async function isWell(worker: WorkerProcess): Promise<boolean> {
  return worker.request({ task: 'tables', sql: 'SELECT 1' }, 30_000).then(
    () => true,
    () => false,
  );
}

/** Decodes one file, and once more alone if the result was not conclusive. */
export async function decodeFile(
  worker: WorkerProcess,
  file: FilesToDecode,
  limits: BusConfig['limits'],
): Promise<DecodeFinding | undefined> {
  const bytes = file.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const outcome = await decodeTogether(worker, file, decodeBudget(limits, bytes));
  return outcome !== undefined && 'spoilt' in outcome ? decodeAlone(worker, file, limits, outcome) : outcome;
}
