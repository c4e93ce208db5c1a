import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { daemonError } from '@quantbot/bus-format';
import type { FileReply, FileRequest, FileResults, FileTask, TaskName } from './orders.js';

interface Pending {
  resolve(results: unknown): void;
  reject(error: Error): void;
}

/** The built entry point of the thread, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./file-thread.js', import.meta.url));

/**
 * One of {@link FileThreads}.
 *
 * States: not started → running (any number of requests, in order) → closed. A thread that dies is
 * restarted when it is next needed.
 */
class FileThread {
  readonly #entry: string;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(entry: string) {
    this.#entry = entry;
  }

  start(): void {
    this.#worker ??= this.#startWorker();
  }

  request(task: FileTask): Promise<unknown> {
    if (this.#closed) return Promise.reject(daemonError('WORKER_DIED', 'The file thread was stopped.'));
    this.start();
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker?.ref(); // a caller is waiting
      this.#worker?.postMessage(JSON.stringify({ id, task } satisfies FileRequest)); // a structured clone of hundreds of strings costs five times as much
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#entry);
    worker.on('message', (text: string) => {
      const { id, results } = JSON.parse(text) as FileReply;
      this.#pending.get(id)?.resolve(results);
      this.#pending.delete(id);
      if (this.#pending.size === 0) worker.unref();
    });
    worker.on('error', error => this.#gone(worker, error.message));
    worker.on('exit', () => this.#gone(worker, 'it ended'));
    worker.unref(); // an idle thread does not keep the process alive
    return worker;
  }

  #gone(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.values())
      reject(daemonError('WORKER_DIED', `The file thread ended (${why}).`));
    this.#pending.clear();
  }
}

/**
 * Threads that rename, link and flush while the main thread reads and checks jobs. One stores.
 * Another claims the next jobs and settles the last ones. A third reads the producers of waiting
 * jobs if more wait than one batch takes. Two threads that rename between the same folders would
 * wait for each other in the kernel. Each works on whole batches by synchronous calls: handing over
 * single calls costs the main thread more than the calls.
 */
export class FileThreads {
  readonly #storing: FileThread;
  readonly #moving: FileThread;
  readonly #looking: FileThread;

  constructor(entry: string = defaultEntry()) {
    this.#storing = new FileThread(entry);
    this.#moving = new FileThread(entry);
    this.#looking = new FileThread(entry);
  }

  /** Starts the threads that every job needs, ahead of the first job. */
  start(): void {
    this.#storing.start();
    this.#moving.start();
  }

  /**
   * Runs a task in its thread, after earlier tasks.
   *
   * @throws DaemonError `WORKER_DIED`.
   */
  request<T extends TaskName>(task: Extract<FileTask, { task: T }>): Promise<FileResults<T>> {
    const thread = { store: this.#storing, claim: this.#moving, settle: this.#moving, producer: this.#looking }[
      task.task
    ];
    return thread.request(task) as Promise<FileResults<T>>;
  }

  /** Ends the threads. Running tasks fail with `WORKER_DIED`. */
  async close(): Promise<void> {
    await Promise.all([this.#storing.close(), this.#moving.close(), this.#looking.close()]);
  }
}
