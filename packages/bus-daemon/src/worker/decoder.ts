import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BusConfig, duckDbFault, machineFaultIn } from '@quantbot/infra';
import { type DaemonCode, DaemonError } from '../errors.js';
import type { TaskBudget, WorkerProcess } from './client.js';
import type { DecodeTask } from './protocol.js';
import { machineMemory } from './usage.js';

/** Files of one schema, to be decoded together. */
export type FilesToDecode = Omit<DecodeTask, 'task' | 'memoryMb'>;

/** What is wrong with files that were decoded. */
export type DecodeFinding =
  | { nulls: string[] }
  /** They are broken. */
  | { unreadable: string }
  /** They may be good, but DuckDB cannot read them. */
  | { unsupported: string }
  /** They exceed what decoding may cost. */
  | { tooComplex: string }
  | { missing: string };

/** An attempt that says nothing about a file yet: its process is of no more use, and was discarded. */
export interface SpoiltAttempt {
  spoilt: 'poisoned' | 'memory' | 'time' | 'killed';
  message: string;
  error: Error;
}

/** What decoding may cost. */
export interface DecodeBudget extends TaskBudget {
  memoryMb: number;
}

/** Enough for nearly all files. One that needs more gets it alone. */
const usualMemoryMb = 512;
/** What a process takes besides DuckDB's own memory: Node.js, libraries, footers. */
const residentBesidesMb = 512;
/** The share of the machine's memory that one file may take. */
const machineShare = 0.4;
/** A process that waits for a disk uses no processor time; this many times its budget on the clock is the end. */
const clockFactor = 10;
const attemptsWhenKilled = 3;
const maxMessageLength = 2000;

/** What decoding these files may cost: a fixed part and a part by size. */
export function decodeBudget(
  limits: BusConfig['limits'],
  bytes: number,
  memoryMb: number = usualMemoryMb,
): Required<DecodeBudget> {
  const cpuMs = Math.round(limits.decodeMs * (1 + bytes / (10 * 1024 * 1024)));
  return { memoryMb, cpuMs, timeoutMs: cpuMs * clockFactor, residentBytes: (memoryMb + residentBesidesMb) * 1e6 };
}

/** Decodes files together. The process is discarded when the attempt has spoilt it. */
export async function decodeTogether(
  worker: WorkerProcess,
  files: FilesToDecode,
  budget: DecodeBudget,
): Promise<DecodeFinding | SpoiltAttempt | undefined> {
  try {
    const problem = await worker.request({ task: 'decode', ...files, memoryMb: budget.memoryMb }, budget);
    return problem === undefined || 'nulls' in problem ? problem : findingOf(worker, files, problem.unreadable);
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

function findingOf(worker: WorkerProcess, { files }: FilesToDecode, text: string): DecodeFinding | SpoiltAttempt {
  // A stack trace may follow, and DuckDB quotes values of any length.
  const message = (text.split('\n', 1)[0] ?? '').slice(0, maxMessageLength);
  const fault = duckDbFault(message);
  switch (fault) {
    case 'machine':
      throw machineFaultIn(message); // no file is blamed for it, and the daemon pauses
    case 'memory':
    case 'poisoned':
      worker.stop();
      return { spoilt: fault, message, error: new Error(message) };
    case 'missing': {
      // A folder that is gone as well was not taken away by a job.
      const gone = files.find(({ path }) => !existsSync(dirname(path)));
      if (gone === undefined) return { missing: message };
      throw Object.assign(new Error(message), { code: 'ENOENT', syscall: 'open', path: dirname(gone.path) });
    }
    case 'unsupported':
      return { unsupported: message };
    case 'file':
      return { unreadable: message };
  }
}

/**
 * Decodes one file in a process that has done nothing else, with all the memory that a file may have. Only what fails here is the file's doing:
 * what failed before may have been the fault of another file, or of a limit that was meant for many.
 *
 * @throws DaemonError `WORKER_KILLED` when a process that decodes nothing is killed as well.
 */
export async function decodeAlone(
  worker: WorkerProcess,
  file: FilesToDecode,
  limits: BusConfig['limits'],
): Promise<DecodeFinding | undefined> {
  const bytes = file.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const memoryMb = Math.max(
    usualMemoryMb,
    Math.min(limits.decodeMemoryMb, Math.floor((machineMemory() * machineShare) / 1e6)),
  );
  const budget = decodeBudget(limits, bytes, memoryMb);
  for (let attempt = 1; ; attempt++) {
    worker.stop();
    const outcome = await decodeTogether(worker, file, budget);
    if (outcome === undefined || !('spoilt' in outcome)) return outcome;
    const { spoilt, message, error } = outcome;
    if (spoilt === 'poisoned') return { unsupported: message };
    if (spoilt === 'time') return { tooComplex: message };
    if (spoilt === 'memory') return { tooComplex: `With ${memoryMb} MB: ${message}` };
    if (!(await isWell(worker))) throw error;
    if (attempt === attemptsWhenKilled) return { tooComplex: `${attempt} times in a row: ${message}` };
  }
}

/** Whether a process can do anything at all: if not, the machine is at fault and not a file. */
async function isWell(worker: WorkerProcess): Promise<boolean> {
  return worker.request({ task: 'tables', sql: 'SELECT 1' }, 30_000).then(
    () => true,
    () => false,
  );
}

/** Decodes one file, alone once more if that was not conclusive. */
export async function decodeFile(
  worker: WorkerProcess,
  file: FilesToDecode,
  limits: BusConfig['limits'],
): Promise<DecodeFinding | undefined> {
  const bytes = file.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const outcome = await decodeTogether(worker, file, decodeBudget(limits, bytes));
  return outcome !== undefined && 'spoilt' in outcome ? decodeAlone(worker, file, limits) : outcome;
}
