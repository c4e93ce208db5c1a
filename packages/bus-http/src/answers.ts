import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AnswerTask,
  queryMemoryMb,
  queryProcessMb,
  type RowsQuestion,
  TaskError,
  WorkerProcess,
} from '@quantbot/duckdb-process';
import { freeBytes } from '@quantbot/infra/bus';
import { atMost } from './at-most.js';
import { refuse } from './http-error.js';
import type { VisibleBus } from './view/visible-bus.js';

const timeoutMs = 240_000;
const maxSpillMb = 4096;
const maxFiles = 8;
const lookMs = 200;
/** An answer leaves this much of the disk free, in addition to `min_free_bytes`. */
const spareBytes = 256 * 1024 * 1024;

/** A query, and the format of its answer. */
export type Question = Omit<RowsQuestion, 'mapping'> & Pick<AnswerTask, 'format'>;

/** The answer to a query: an open file without a name. */
export interface AnswerFile {
  handle: FileHandle;
  size: number;
  /** Frees the place of the file. Call it once the handle is closed. */
  closed(): void;
}

/**
 * Writes answers of any length into private files. Each query has a process of its own, which ends
 * with it, so that to cancel one is to end its process. Two run at the same time.
 */
export class Answers {
  readonly #bus: VisibleBus;
  readonly #few = atMost(2, 8);
  readonly #running = new Set<WorkerProcess>();
  #files = 0;

  constructor(bus: VisibleBus) {
    this.#bus = bus;
  }

  /**
   * Writes the answer to a query.
   *
   * @param signal ends the query.
   * @throws DaemonError `HTTP_BUSY`, `QUERY_TIMEOUT`, those of a process; StorageError
   * `ANSWER_TOO_LARGE`, those of a query.
   */
  async write(question: Question, signal: AbortSignal): Promise<AnswerFile> {
    if (this.#files >= maxFiles) refuse('HTTP_BUSY', `${maxFiles} answers are being written or sent.`);
    this.#files++;
    let isFree = false;
    const closed = () => {
      if (!isFree) this.#files--;
      isFree = true;
    };
    try {
      return { ...(await this.#few(() => this.#written(question, signal))), closed };
    } catch (error) {
      closed();
      throw error;
    }
  }

  close(): void {
    for (const process of this.#running) process.close();
  }

  async #written(question: Question, signal: AbortSignal) {
    signal.throwIfAborted();
    const { spillIn } = this.#bus;
    const folder = join(spillIn, `answer-${randomUUID()}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, 'answer');
    const { limits } = this.#bus.config;
    const bounds = { idleMs: 0, spillIn, maxMemoryMb: queryProcessMb(limits), niceness: 5 };
    const worker = new WorkerProcess('answer', bounds);
    const end = () => worker.close();
    this.#running.add(worker);
    signal.addEventListener('abort', end, { once: true });
    let excess: Error | undefined;
    const look = setInterval(() => {
      excess ??= this.#excessOf(path);
      if (excess !== undefined) end();
    }, lookMs);
    try {
      const database = await this.#bus.catalog();
      const memoryMb = queryMemoryMb(limits);
      const task = { ...question, task: 'answer', database, path, timeoutMs, memoryMb, maxSpillMb } as const;
      await worker.request(task, timeoutMs + 5_000);
      excess ??= this.#excessOf(path);
      if (excess !== undefined) throw excess;
      const handle = await open(path, 'r');
      return { handle, size: (await handle.stat()).size };
    } catch (error) {
      throw excess ?? error;
    } finally {
      clearInterval(look);
      signal.removeEventListener('abort', end);
      this.#running.delete(worker);
      end();
      rmSync(folder, { recursive: true, force: true }); // an open file stays readable
    }
  }

  /** Returns why an answer may not grow any more; undefined while it may. */
  #excessOf(path: string): Error | undefined {
    const { config, spillIn } = this.#bus;
    const max = config.http.maxAnswerBytes;
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > max)
      return tooLarge(`has more than ${max} bytes (http.max_answer_bytes)`);
    const free = freeBytes(spillIn) ?? Number.POSITIVE_INFINITY;
    return free > config.minFreeBytes + spareBytes ? undefined : tooLarge(`has no room on the disk of the daemon`);
  }
}

const tooLarge = (why: string) =>
  new TaskError('ANSWER_TOO_LARGE', `The answer ${why}.`, {
    hint: 'Ask for less at once, or read the golden export or the artifacts of the table.',
  });
