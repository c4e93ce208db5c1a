import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { daemonError } from '@quantbot/bus-format';
import { CodedError } from '@quantbot/infra';
import type { WorkerReply, WorkerRequest, WorkerResult, WorkerTask } from './protocol.js';
import { usageOf } from './usage.js';

/** What a task may cost its process. */
export interface TaskBudget {
  /** Time on the clock (milliseconds). */
  timeoutMs: number;
  /** Processor time (milliseconds): a busy machine does not use it up. */
  cpuMs?: number;
  /** Resident memory of the whole process. */
  residentBytes?: number;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  /** Ends the watch over the budget. */
  unwatch(): void;
}

const watchEveryMs = 200;

const crashSignals = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'];

/**
 * What the end of a process means: a mistake of its own, the kernel (or somebody) that killed it,
 * or any other end.
 */
function codeOfEnd(signal: NodeJS.Signals | null): 'WORKER_CRASHED' | 'WORKER_KILLED' | 'WORKER_DIED' {
  if (signal !== null && crashSignals.includes(signal)) return 'WORKER_CRASHED';
  return signal === 'SIGKILL' ? 'WORKER_KILLED' : 'WORKER_DIED';
}

/** A task's failure as an error; one with a code keeps it. */
const failureOf = ({ error, coded }: Extract<WorkerReply, { error: string }>): Error =>
  coded === undefined
    ? new Error(error)
    : new TaskError(coded.code, error, { hint: coded.hint, details: coded.details });

/** What a worker process may do. */
export interface WorkerOptions {
  /** It ends when it has had nothing to do for this long. */
  idleMs: number;
  /**
   * The folder in which its databases put what does not fit into memory, until the process is gone.
   */
  spillIn?: string | undefined;
  /**
   * It is ended when it takes more. DuckDB's own limit leaves out what one value or one vector
   * takes. Linux only.
   */
  maxMemoryMb?: number | undefined;
  entry?: string;
}

/**
 * Removes what has such names in a folder. It is in nobody's way: a failure is no one's to handle.
 */
function removeByPrefix(folder: string, prefix: string): void {
  try {
    for (const name of readdirSync(folder))
      if (name.startsWith(prefix)) rmSync(join(folder, name), { recursive: true, force: true });
  } catch {
    // The next start empties the folder.
  }
}

const memoryLookMs = 100;

/** A task that failed with a code, which may be any package's. */
export class TaskError extends CodedError<string> {}

/** The built entry point of a worker process, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./worker.js', import.meta.url));

/**
 * A process of our own that may die without harm: it is started when it is first needed, again
 * after it has died, and ended when it has been idle. It ends by itself when the daemon is gone.
 *
 * States: idle (no process) → running (one process, any number of requests) → idle.
 */
export class WorkerProcess {
  readonly #name: string;
  readonly #idleMs: number;
  readonly #entry: string;
  readonly #spillIn: string | undefined;
  readonly #maxMemoryMb: number | undefined;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #nextId = 1;
  #closed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(name: string, { idleMs, spillIn, maxMemoryMb, entry = defaultEntry() }: WorkerOptions) {
    this.#name = name;
    this.#idleMs = idleMs;
    this.#spillIn = spillIn;
    this.#maxMemoryMb = maxMemoryMb;
    this.#entry = entry;
  }

  /** Another one like it: a process of its own. */
  another(name: string): WorkerProcess {
    return new WorkerProcess(name, {
      idleMs: this.#idleMs,
      spillIn: this.#spillIn,
      maxMemoryMb: this.#maxMemoryMb,
      entry: this.#entry,
    });
  }

  /**
   * Does a task in the worker. A task that exceeds its budget is ended together with its process.
   *
   * @throws DaemonError `WORKER_CRASHED` (by a mistake in the process), `WORKER_KILLED` (by the
   * kernel or a user), `WORKER_DIED` (for any other reason), `WORKER_TIMEOUT`, `WORKER_MEMORY`; an
   * Error with the worker's message when the task failed.
   */
  request<T extends WorkerTask>(task: T, budget: TaskBudget | number): Promise<WorkerResult<T>> {
    if (this.#closed) return Promise.reject(daemonError('WORKER_DIED', `The ${this.#name} process was ended.`));
    clearTimeout(this.#idleTimer);
    this.#child ??= this.#start();
    const child = this.#child;
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const unwatch = this.#watch(child, id, typeof budget === 'number' ? { timeoutMs: budget } : budget);
      this.#pending.set(id, { resolve, reject, unwatch });
      child.send({ id, task } satisfies WorkerRequest, error => {
        if (error !== null) this.#settle(id, { id, error: error.message });
      });
    }) as Promise<WorkerResult<T>>;
  }

  /** Whether it was ended for good. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** {@link stop}, for good: what is asked for from now on fails with `WORKER_DIED`. */
  close(): void {
    this.#closed = true;
    this.stop();
  }

  /** Ends the process; what is under way fails with `WORKER_DIED`. */
  stop(): void {
    clearTimeout(this.#idleTimer);
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill('SIGKILL');
    this.#fail(daemonError('WORKER_DIED', `The ${this.#name} process was ended.`));
  }

  #start(): ChildProcess {
    const spillName = `spill-${this.#name}-${randomUUID()}`;
    const spill = this.#spillIn === undefined ? [] : [join(this.#spillIn, spillName)];
    const child = fork(this.#entry, [this.#name, ...spill], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
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
    // A killed process removes nothing itself. What this misses, because the daemon ends first, the
    // next start finds.
    child.on('exit', () => this.#spillIn !== undefined && removeByPrefix(this.#spillIn, spillName));
    if (this.#maxMemoryMb !== undefined) this.#watchMemory(child, this.#maxMemoryMb);
    // Nothing of an idle worker keeps the daemon from ending.
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
    const before = usageOf(child.pid ?? 0)?.cpuMs ?? 0; // of earlier tasks
    const look = setInterval(() => {
      const used = usageOf(child.pid ?? 0);
      if (used === undefined) return;
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
    if (this.#child !== child) return; // an older process; its requests have failed already
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
