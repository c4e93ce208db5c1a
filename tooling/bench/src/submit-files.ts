import { type Submission, submitArtifacts } from '@quantbot/infra/utils';

/** Files that are to become jobs of one producer. */
export interface FilesToSubmit {
  busRoot: string;
  /** Of the runs: each job is a run of its own. */
  name: string;
  /** The producer; all are one when absent. */
  producer?: string;
  files: readonly string[];
  schemaHint: string | null;
  artifactsPerJob: number;
  /** Whether the files are given away, so that the bus need not copy them. */
  givenAway?: boolean;
}

/** Submits the files in order, `artifactsPerJob` at a time. Each job waits for its `next()`. */
export async function* submitFiles(task: FilesToSubmit): AsyncGenerator<Submission> {
  const { busRoot, name, producer = 'bench', files, schemaHint, artifactsPerJob, givenAway } = task;
  for (let first = 0; first < files.length; first += artifactsPerJob)
    yield await submitArtifacts({
      busRoot,
      runId: `${name}-${first}`,
      producer,
      kind: 'ticks',
      transfer: givenAway ? 'move' : 'copy',
      artifacts: files.slice(first, first + artifactsPerJob).map((parquetPath, i) => ({
        artifactId: `a${i}`,
        parquetPath,
        ...(schemaHint !== null && { schemaHint }),
      })),
    });
}

/** Submits all of them, without waiting for a daemon. */
export async function submitAll(task: FilesToSubmit): Promise<void> {
  for await (const _submission of submitFiles(task));
}
