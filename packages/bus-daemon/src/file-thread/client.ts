import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { daemonError } from '../errors.js';
import type { FileReply, FileRequest, FileResult, FileTask } from './orders.js';

interface Pending {
  resolve(results: unknown): void;
  reject(error: Error): void;
}

/** The built entry point of the thread, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./file-thread.js', import.meta.url));

/**
 * One of {@link FileThreads}.
 *
 * States: not started → running (any number of requests, in order) → closed. One that dies is started again when it is next needed.
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

  request<T extends FileTask>(task: T): Promise<FileResult<T>> {
    if (this.#closed) return Promise.reject(daemonError('WORKER_DIED', 'The thread for files was ended.'));
    this.start();
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker?.ref(); // somebody waits
      this.#worker?.postMessage(JSON.stringify({ id, task } satisfies FileRequest)); // a fifth of what copying hundreds of strings costs
    }) as Promise<FileResult<T>>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#entry);
    worker.on('message', ({ id, results }: FileReply) => {
      this.#pending.get(id)?.resolve(results);
      this.#pending.delete(id);
      if (this.#pending.size === 0) worker.unref();
    });
    worker.on('error', error => this.#gone(worker, error.message));
    worker.on('exit', () => this.#gone(worker, 'it ended'));
    worker.unref(); // an idle one keeps nobody from ending
    return worker;
  }

  #gone(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#pending.values())
      reject(daemonError('WORKER_DIED', `The thread for files ended (${why}).`));
    this.#pending.clear();
  }
}

/**
 * Two threads that link, flush and rename while the main thread reads and checks the next jobs: one stores, the other settles what was committed
 * before. Each works on whole batches by synchronous calls: handing every single flush to another thread and back costs the main thread more
 * than the flush.
 */
export class FileThreads {
  readonly #threads: Record<FileTask['task'], FileThread>;

  constructor(entry: string = defaultEntry()) {
    this.#threads = { store: new FileThread(entry), settle: new FileThread(entry) };
  }

  /** Starts the threads before they are needed. */
  start(): void {
    for (const thread of Object.values(this.#threads)) thread.start();
  }

  /**
   * Does a task in its thread, after what that was asked before.
   *
   * @throws DaemonError `WORKER_DIED`.
   */
  request<T extends FileTask>(task: T): Promise<FileResult<T>> {
    return this.#threads[task.task].request(task);
  }

  /** Ends the threads; what is under way fails with `WORKER_DIED`. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#threads).map(thread => thread.close()));
  }
}
