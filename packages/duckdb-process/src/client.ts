import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { daemonError } from '@quantbot/bus-format';
import { CodedError } from '@quantbot/infra';
import type { WorkerCancel, WorkerReply, WorkerRequest, WorkerResult, WorkerTask } from './protocol.js';
import { usageOf } from './usage.js';

/** The budget of a task. */
export interface TaskBudget {
  /** Wall-clock time (milliseconds). */
  timeoutMs: number;
  /** Processor time (milliseconds), independent of other load. */
  cpuMs?: number;
  /** Resident memory of the whole process. */
  residentBytes?: number;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  /** Stops watching the budget. */
  unwatch(): void;
}

const watchEveryMs = 200;

const crashSignals = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'];

/** Classifies the end of a process: its own crash, a kill from outside, or any other end. */
function codeOfEnd(signal: NodeJS.Signals | null): 'WORKER_CRASHED' | 'WORKER_KILLED' | 'WORKER_DIED' {
  if (signal !== null && crashSignals.includes(signal)) return 'WORKER_CRASHED';
  return signal === 'SIGKILL' ? 'WORKER_KILLED' : 'WORKER_DIED';
}

/** Converts a task's failure to an error, and keeps its code. */
const failureOf = ({ error, coded }: Extract<WorkerReply, { error: string }>): Error =>
  coded === undefined
    ? new Error(error)
    : new TaskError(coded.code, error, { hint: coded.hint, details: coded.details });

/** What a worker process may do. */
export interface WorkerOptions {
  /** It ends after being idle for this long. */
  idleMs: number;
  /** The folder in which its databases spill. It is emptied when the process is gone. */
  spillIn?: string | undefined;
  /**
   * The memory limit of the process. DuckDB's own limit leaves out a single value or vector. Linux
   * only.
   */
  maxMemoryMb?: number | undefined;
  /**
   * How much it yields to other processes, from 0 (by default) to 19. Linux derives the priority of
   * reads and writes from it too.
   */
  niceness?: number | undefined;
  entry?: string;
}

/** Removes names with a prefix from a folder. A failure does no harm. */
function removeByPrefix(folder: string, prefix: string): void {
  try {
    for (const name of readdirSync(folder))
      if (name.startsWith(prefix)) rmSync(join(folder, name), { recursive: true, force: true });
  } catch {
    // The next start empties the folder.
  }
}

const memoryLookMs = 100;

/** Lowers the priority before the process has threads, which inherit it. */
function yieldToOthers({ pid }: ChildProcess, niceness: number | undefined): void {
  if (niceness === undefined || pid === undefined) return;
  try {
    setPriority(pid, niceness);
  } catch {
    // Not every system has priorities.
  }
}

/** The error of a task that failed with a code of any package. */
export class TaskError extends CodedError<string> {}

/** The built entry point of a worker process, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./worker.js', import.meta.url));

/**
 * A process that may die without harm. It starts when it is first needed, again after it has died,
 * and ends when it is idle. It ends by itself when the daemon is gone.
 *
 * States: idle (no process) → running (one process, any number of requests) → idle.
 */
export class WorkerProcess {
  readonly #name: string;
  readonly #idleMs: number;
  readonly #entry: string;
  readonly #spillIn: string | undefined;
  readonly #maxMemoryMb: number | undefined;
  readonly #niceness: number | undefined;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #nextId = 1;
  #closed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(name: string, { idleMs, spillIn, maxMemoryMb, niceness, entry = defaultEntry() }: WorkerOptions) {
    this.#name = name;
    this.#idleMs = idleMs;
    this.#spillIn = spillIn;
    this.#maxMemoryMb = maxMemoryMb;
    this.#niceness = niceness;
    this.#entry = entry;
  }

  /** Returns another process with the same options. */
  another(name: string): WorkerProcess {
    return new WorkerProcess(name, {
      idleMs: this.#idleMs,
      spillIn: this.#spillIn,
      maxMemoryMb: this.#maxMemoryMb,
      niceness: this.#niceness,
      entry: this.#entry,
    });
  }

  /**
   * Runs a task in the process. A task that exceeds its budget is ended with its process.
   *
   * @param cancelled ends a query; the process lives on.
   * @throws DaemonError `WORKER_CRASHED` (by a mistake in the process), `WORKER_KILLED` (by the
   * kernel or a user), `WORKER_DIED` (for any other reason), `WORKER_TIMEOUT`, `WORKER_MEMORY`; an
   * Error with the worker's message when the task failed.
   */
  request<T extends WorkerTask>(
    task: T,
    budget: TaskBudget | number,
    cancelled?: AbortSignal,
  ): Promise<WorkerResult<T>> {
    if (cancelled?.aborted) return Promise.reject(cancelled.reason);
    if (this.#closed) return Promise.reject(daemonError('WORKER_DIED', `The ${this.#name} process was stopped.`));
    clearTimeout(this.#idleTimer);
    this.#child ??= this.#start();
    const child = this.#child;
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const stopWatch = this.#watch(child, id, typeof budget === 'number' ? { timeoutMs: budget } : budget);
      // If the process is gone, so is the query.
      const cancel = () => child.send({ cancel: id } satisfies WorkerCancel, () => {});
      cancelled?.addEventListener('abort', cancel, { once: true });
      const unwatch = () => {
        stopWatch();
        cancelled?.removeEventListener('abort', cancel);
      };
      this.#pending.set(id, { resolve, reject, unwatch });
      child.send({ id, task } satisfies WorkerRequest, error => {
        if (error !== null) this.#settle(id, { id, error: error.message });
      });
    }) as Promise<WorkerResult<T>>;
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** {@link stop} for good: later requests fail with `WORKER_DIED`. */
  close(): void {
    this.#closed = true;
    this.stop();
  }

  /** Ends the process. Running tasks fail with `WORKER_DIED`. */
  stop(): void {
    clearTimeout(this.#idleTimer);
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill('SIGKILL');
    this.#fail(daemonError('WORKER_DIED', `The ${this.#name} process was stopped.`));
  }

  #start(): ChildProcess {
    const spillName = `spill-${this.#name}-${randomUUID()}`;
    const spill = this.#spillIn === undefined ? [] : [join(this.#spillIn, spillName)];
    const child = fork(this.#entry, [this.#name, ...spill], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Node reads such certificates at each start. This process opens no connections through Node.
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    });
    let lastWords = '';
    child.stderr?.on('data', chunk => {
      lastWords = (lastWords + String(chunk)).slice(-500);
    });
    child.on('message', (reply: WorkerReply) => this.#settle(reply.id, reply));
    child.on('error', error => this.#gone(child, error.message));
    child.on('exit', (code, signal) =>
      this.#gone(child, `${signal ?? `exit code ${code}`} ${lastWords.trim()}`.trim(), codeOfEnd(signal)),
    );
    // A killed process cleans up nothing. If the daemon ends before this does, the next start
    // cleans up.
    child.on('exit', () => this.#spillIn !== undefined && removeByPrefix(this.#spillIn, spillName));
    yieldToOthers(child, this.#niceness);
    if (this.#maxMemoryMb !== undefined) this.#watchMemory(child, this.#maxMemoryMb);
    // An idle process does not keep the daemon alive.
    child.unref();
    child.channel?.unref();
    (child.stderr as Socket | null)?.unref();
    return child;
  }

  #watchMemory(child: ChildProcess, maxMb: number): void {
    const timer = setInterval(() => {
      const used = usageOf(child.pid ?? 0)?.residentBytes ?? 0;
      if (used <= maxMb * 1024 * 1024 || this.#child !== child) return;
      this.#fail(daemonError('WORKER_DIED', `The ${this.#name} process took more than ${maxMb} MiB of memory.`));
      this.stop();
    }, memoryLookMs).unref();
    child.on('exit', () => clearInterval(timer));
  }

  #settle(id: number, reply: WorkerReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.unwatch();
    if ('error' in reply) pending.reject(failureOf(reply));
    else pending.resolve(reply.result);
    if (this.#pending.size === 0) {
      this.#idleTimer = setTimeout(() => this.stop(), this.#idleMs);
      this.#idleTimer.unref();
    }
  }

  /** Ends the process, and the task with it, when the task exceeds its budget. */
  #watch(child: ChildProcess, id: number, { timeoutMs, cpuMs, residentBytes }: TaskBudget): () => void {
    const timer = setTimeout(() => this.#exceeded(child, id, 'WORKER_TIMEOUT', `${timeoutMs / 1000} s`), timeoutMs);
    if (cpuMs === undefined && residentBytes === undefined) return () => clearTimeout(timer);
    let before: number | undefined; // of earlier tasks, up to the first look
    const look = setInterval(() => {
      const used = usageOf(child.pid ?? 0);
      if (used === undefined) return;
      before ??= used.cpuMs;
      if (cpuMs !== undefined && used.cpuMs - before > cpuMs)
        this.#exceeded(child, id, 'WORKER_TIMEOUT', `${cpuMs / 1000} s of processor time`);
      else if (residentBytes !== undefined && used.residentBytes > residentBytes)
        this.#exceeded(child, id, 'WORKER_MEMORY', `${Math.round(residentBytes / 1e6)} MB of memory`);
    }, watchEveryMs);
    look.unref();
    return () => {
      clearTimeout(timer);
      clearInterval(look);
    };
  }

  #exceeded(child: ChildProcess, id: number, code: 'WORKER_TIMEOUT' | 'WORKER_MEMORY', bound: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || this.#child !== child) return;
    this.#pending.delete(id);
    pending.unwatch();
    this.stop();
    pending.reject(daemonError(code, `The ${this.#name} process did not finish within ${bound}.`));
  }

  #gone(child: ChildProcess, how: string, code: ReturnType<typeof codeOfEnd> = 'WORKER_DIED'): void {
    if (this.#child !== child) return; // an older process, whose requests have already failed
    this.#child = undefined;
    this.#fail(daemonError(code, `The ${this.#name} process ended (${how}).`));
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) {
      pending.unwatch();
      pending.reject(error);
    }
    this.#pending.clear();
  }
}
