import { type Submission, submitArtifacts } from '@quantbot/infra/utils';

/** Files to submit as jobs of one producer. */
export interface FilesToSubmit {
  busRoot: string;
  /** The prefix of run ids: each job is its own run. */
  name: string;
  /** The producer. By default all files share one. */
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

/** Submits all files, without waiting for a daemon. */
export async function submitAll(task: FilesToSubmit): Promise<void> {
  for await (const _submission of submitFiles(task));
}
