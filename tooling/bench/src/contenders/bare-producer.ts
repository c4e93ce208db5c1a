/** A producer without a bus: the system calls of a submission, for one file after the other. */
import { contender } from '../program.js';
import { handIn } from './chain.js';

interface Task {
  folder: string;
  name: string;
  files: readonly string[];
}

await contender<Task, { latenciesMs: number[]; cpuMs: number }>(async ({ folder, name, files }) => async () => {
  const before = process.cpuUsage();
  for (const [i, file] of files.entries()) handIn(folder, file, `${name}-${i}`);
  const { user, system } = process.cpuUsage(before);
  return { latenciesMs: [], cpuMs: (user + system) / 1000 };
});
