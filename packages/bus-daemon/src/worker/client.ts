import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@quantbot/infra';
import { daemonError } from '../errors.js';
import type { WorkerReply, WorkerRequest, WorkerResult, WorkerTask } from './protocol.js';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** Whether a process ended by a mistake of its own; one that was killed, or could not start, has met the machine's limits. */
const isCrash = (signal: NodeJS.Signals | null): boolean =>
  signal !== null && ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'].includes(signal);

/** A task's failure as an error; one with a code keeps it. */
const failureOf = ({ error, coded }: Extract<WorkerReply, { error: string }>): Error =>
  coded === undefined
    ? new Error(error)
    : new TaskError(coded.code, error, { hint: coded.hint, details: coded.details });

/** What a worker process may do. */
export interface WorkerOptions {
  /** It ends when it has had nothing to do for this long. */
  idleMs: number;
  /** The folder in which its databases put what does not fit into memory, until the process is gone. */
  spillIn?: string | undefined;
  /** It is ended when it takes more. DuckDB's own limit leaves out what one value or one vector takes. Linux only. */
  maxMemoryMb?: number | undefined;
  entry?: string;
}

/** Removes what has such names in a folder. It is in nobody's way: a failure is no one's to handle. */
function removeByPrefix(folder: string, prefix: string): void {
  try {
    for (const name of readdirSync(folder))
      if (name.startsWith(prefix)) rmSync(join(folder, name), { recursive: true, force: true });
  } catch {
    // The next start empties the folder.
  }
}

const memoryLookMs = 100;

/** How much memory a process has; undefined where that cannot be seen. */
function residentMb(pid: number | undefined): number | undefined {
  try {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kb) / 1024;
  } catch {
    return undefined;
  }
}

/** A task that failed with a code, which may be any package's. */
export class TaskError extends CodedError<string> {}

/** The built entry point of a worker process, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./worker.js', import.meta.url));

/**
 * A process of our own that may die without harm: it is started when it is first needed, again after it has died, and ended when it
 * has been idle. It ends by itself when the daemon is gone.
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
   * Does a task in the worker.
   *
   * @throws DaemonError `WORKER_CRASHED` (by what it was working on), `WORKER_DIED` (for any other reason), `WORKER_TIMEOUT`; an Error with the worker's message when the task failed.
   */
  request<T extends WorkerTask>(task: T, timeoutMs: number): Promise<WorkerResult<T>> {
    if (this.#closed) return Promise.reject(daemonError('WORKER_DIED', `The ${this.#name} process was ended.`));
    clearTimeout(this.#idleTimer);
    this.#child ??= this.#start();
    const child = this.#child;
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => this.#timeOut(child, timeoutMs), timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      child.send({ id, task } satisfies WorkerRequest, error => {
        if (error !== null) this.#settle(id, { id, error: error.message });
      });
    }) as Promise<WorkerResult<T>>;
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
      this.#gone(child, `${signal ?? `exit code ${code}`} ${lastWords.trim()}`.trim(), isCrash(signal)),
    );
    // A killed process removes nothing itself. What this misses, because the daemon ends first, the next start finds.
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
      if ((residentMb(child.pid) ?? 0) <= maxMb || this.#child !== child) return;
      this.#fail(daemonError('WORKER_DIED', `The ${this.#name} process took more than ${maxMb} MiB of memory.`));
      this.stop();
    }, memoryLookMs).unref();
    child.on('exit', () => clearInterval(timer));
  }

  #settle(id: number, reply: WorkerReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if ('error' in reply) pending.reject(failureOf(reply));
    else pending.resolve(reply.result);
    if (this.#pending.size === 0) {
      this.#idleTimer = setTimeout(() => this.stop(), this.#idleMs);
      this.#idleTimer.unref();
    }
  }

  #timeOut(child: ChildProcess, timeoutMs: number): void {
    this.#fail(daemonError('WORKER_TIMEOUT', `The ${this.#name} process did not finish within ${timeoutMs / 1000} s.`));
    if (this.#child === child) this.stop();
  }

  #gone(child: ChildProcess, how: string, crashed = false): void {
    if (this.#child !== child) return; // an older process; its requests have failed already
    this.#child = undefined;
    this.#fail(daemonError(crashed ? 'WORKER_CRASHED' : 'WORKER_DIED', `The ${this.#name} process ended (${how}).`));
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
  }
}
