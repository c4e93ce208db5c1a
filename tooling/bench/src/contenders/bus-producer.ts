/**
 * A producer of the bus: submits its files one after the other, each as a job (or several as one),
 * and waits until all are settled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { contender } from '../program.js';
import { type FilesToSubmit, submitFiles } from '../submit-files.js';

interface Task extends FilesToSubmit {
  /** Whether it waits for each job before it submits the next. */
  oneByOne: boolean;
  pauseMs: number;
}

await contender<Task, { latenciesMs: number[]; cpuMs: number }>(async task => async () => {
  const before = process.cpuUsage();
  const latenciesMs: number[] = [];
  const waiting: Promise<unknown>[] = [];
  let from = performance.now();
  for await (const submission of submitFiles(task)) {
    const began = from;
    const settled = submission.settled({ timeoutMs: 600_000 }).then(() => latenciesMs.push(performance.now() - began));
    if (task.oneByOne) await settled;
    else waiting.push(settled);
    if (task.pauseMs > 0) await sleep(task.pauseMs);
    from = performance.now();
  }
  await Promise.all(waiting);
  const { user, system } = process.cpuUsage(before);
  return { latenciesMs, cpuMs: (user + system) / 1000 };
});
