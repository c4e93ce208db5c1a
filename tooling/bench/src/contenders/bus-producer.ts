/** A producer of the bus: submits its files one after the other, each as a job (or several as one), and waits until all are settled. */
import { type Submission, submitArtifacts } from '@quantbot/infra/utils';
import { contender } from '../program.js';

interface Task {
  busRoot: string;
  name: string;
  files: string[];
  schemaHint: string | null;
  artifactsPerJob: number;
  /** Whether each job is waited for before the next is submitted. */
  oneByOne: boolean;
  pauseMs: number;
}

await contender<Task, { latenciesMs: number[] }>(async task => async () => {
  const latenciesMs: number[] = [];
  const waiting: Promise<unknown>[] = [];
  for (let first = 0; first < task.files.length; first += task.artifactsPerJob) {
    const from = performance.now();
    const submission = await submitOne(task, first);
    const settled = submission.settled({ timeoutMs: 600_000 }).then(() => latenciesMs.push(performance.now() - from));
    if (task.oneByOne) await settled;
    else waiting.push(settled);
    if (task.pauseMs > 0) await new Promise(resolve => setTimeout(resolve, task.pauseMs));
  }
  await Promise.all(waiting);
  return { latenciesMs };
});

const submitOne = ({ busRoot, name, files, schemaHint, artifactsPerJob }: Task, first: number): Promise<Submission> =>
  submitArtifacts({
    busRoot,
    runId: `${name}-${first}`,
    producer: 'bench',
    kind: 'ticks',
    artifacts: files.slice(first, first + artifactsPerJob).map((parquetPath, i) => ({
      artifactId: `a${i}`,
      parquetPath,
      ...(schemaHint !== null && { schemaHint }),
    })),
  });
