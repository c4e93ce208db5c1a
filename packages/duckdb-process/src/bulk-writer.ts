import { mkdir, rm } from 'node:fs/promises';
import type { StreamedRows } from '@quantbot/bus-format/canon';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import { ownFolderMode } from '@quantbot/infra/files';
import { WorkerProcess } from './client.js';
import type { CopyTask, PartitionTask, WorkerResult } from './protocol.js';

/** DuckDB's memory limit at first (MB). What needs more is spilled, or tried again with more. */
const usualMemoryMb = 256;

/**
 * Writes large Parquet files in a process that may die. Compaction and exports take turns in one
 * process, so that their memory does not add up.
 */
export class BulkWriter {
  readonly worker: WorkerProcess;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(...process: ConstructorParameters<typeof WorkerProcess>) {
    this.worker = new WorkerProcess(...process);
  }

  /** Runs `work` when all earlier work is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /**
   * Writes the result of a SELECT with little memory. If that does not suffice, it uses the task's
   * whole memory: first it streams the rows, if the task says how, and then it holds them.
   *
   * @throws DaemonError as `WorkerProcess.request`; TaskError with the code of the failure.
   */
  async write<T extends CopyTask | PartitionTask>(task: T, timeoutMs: number): Promise<WorkerResult<T>> {
    const { streamed, ...held } = task;
    const asStream = async (of: () => StreamedRows | Promise<StreamedRows>) => {
      const { setup, sql } = await of();
      return { ...held, setup: [...task.setup, ...setup], sql, streams: true };
    };
    const attempts = [
      ...(task.memoryMb > usualMemoryMb ? [() => ({ ...held, memoryMb: usualMemoryMb })] : []),
      ...(streamed === undefined ? [] : [() => asStream(streamed)]),
      () => held,
    ];
    for (const attempt of attempts)
      try {
        return await this.worker.request((await attempt()) as T, timeoutMs);
      } catch (error) {
        if (attempt === attempts.at(-1) || duckDbFault((error as Error).message) !== 'memory') throw error;
        await removeUnfinished(task);
      }
    throw new Error('There is always an attempt.');
  }

  /** Ends the process for good. */
  close(): void {
    this.worker.close();
  }
}

async function removeUnfinished(task: CopyTask | PartitionTask): Promise<void> {
  if (task.task === 'copy') return rm(task.path, { force: true });
  await rm(task.folder, { recursive: true, force: true });
  await mkdir(task.folder, { mode: ownFolderMode });
}
