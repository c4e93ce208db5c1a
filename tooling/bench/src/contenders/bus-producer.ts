/**
 * A producer of the bus: submits its files one after the other, each as a job (or several as one),
 * and waits until all are settled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { contender } from '../program.js';
import { type FilesToSubmit, submitFiles } from '../submit-files.js';
import { chainOf } from './chain.js';

interface Task extends FilesToSubmit {
  /** Whether it waits for each job before it submits the next. */
  oneByOne: boolean;
  pauseMs: number;
  /** Where it runs the bare chain between its jobs: the speed of a disk changes by the minute. */
  chainIn?: string;
}

await contender<Task, { latenciesMs: number[]; chainMs: number[]; cpuMs: number }>(async task => async () => {
  const before = process.cpuUsage();
  const latenciesMs: number[] = [];
  const chainMs: number[] = [];
  const waiting: Promise<unknown>[] = [];
  let from = performance.now();
  for await (const submission of submitFiles(task)) {
    const began = from;
    const settled = submission.settled({ timeoutMs: 600_000 }).then(() => latenciesMs.push(performance.now() - began));
    if (task.oneByOne) await settled;
    else waiting.push(settled);
    if (task.pauseMs > 0) await sleep(task.pauseMs);
    if (task.chainIn !== undefined) {
      chainMs.push(timeOfChain(task.chainIn, task.files, chainMs.length));
      await sleep(task.pauseMs);
    }
    from = performance.now();
  }
  await Promise.all(waiting);
  const { user, system } = process.cpuUsage(before);
  return { latenciesMs, chainMs, cpuMs: (user + system) / 1000 };
});

function timeOfChain(folder: string, files: readonly string[], i: number): number {
  const from = performance.now();
  chainOf(folder, files[i] as string, i);
  return performance.now() - from;
}
