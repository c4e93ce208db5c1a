import { type Submission, type SubmitArtifactOptions, submitArtifact } from '@quantbot/infra/utils';
import { numbers, produce } from './parquet.js';
import type { TestBus } from './test-bus.js';

let runs = 0;

/**
 * Submits the result of a SELECT to a test's bus. Every option has a default; that of the run is a
 * new id.
 */
export async function submit(
  bus: TestBus,
  options: Partial<SubmitArtifactOptions> & { select?: string } = {},
): Promise<Submission> {
  const { select = numbers(3), parquetPath, ...rest } = options;
  return submitArtifact({
    runId: `run-${++runs}`,
    producer: 'tests',
    kind: 'numbers',
    artifactId: 'numbers',
    busRoot: bus.layout.root,
    parquetPath: parquetPath ?? (await produce(bus, select)),
    ...rest,
  });
}
