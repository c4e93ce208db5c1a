import { JobRejectedError, type Submission, submitArtifact } from '@quantbot/infra/utils';
import type { CampaignBus } from './bus.js';
import type { Subject } from './corpus.js';
import { type Report, textOf } from './report.js';

/** Submits a file once more, without a table. The daemon does not compact a single commit. */
export const submitAgain = (bus: CampaignBus, { path }: Subject): Promise<Submission> =>
  submitArtifact({
    busRoot: bus.busRoot,
    runId: 'differential',
    producer: 'again',
    kind: 'file',
    artifactId: 'again',
    parquetPath: path,
  });

const atOnce = 8;
/** Codes that describe a limit of DuckDB. Any other rejection would blame a good file. */
const fairCodes = ['COLUMN_UNSUPPORTED', 'UNSUPPORTED_PARQUET', 'SCHEMA_MISMATCH'];

/**
 * Submits each file for a table of its own and has the daemon settle them.
 *
 * @returns the ingested ones. A rejection is reported as a difference, unless a column may be
 * refused and the reason names it.
 */
export async function submitAll(bus: CampaignBus, subjects: readonly Subject[], report: Report): Promise<Subject[]> {
  const waiting = [...subjects];
  const submissions = new Map<Subject, Submission>();
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      submissions.set(
        next,
        await submitArtifact({
          busRoot: bus.busRoot,
          runId: 'differential',
          producer: next.case.writer.split(' ')[0] as string,
          kind: 'file',
          artifactId: next.table,
          parquetPath: next.path,
          schemaHint: `canon.${next.table}`,
        }),
      );
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await bus.drain();
  const ingested: Subject[] = [];
  for (const [subject, submission] of submissions) {
    try {
      await submission.settled({ timeoutMs: 1000 });
      ingested.push(subject);
    } catch (error) {
      judge(subject, error, report);
    }
  }
  return ingested;
}

function judge(subject: Subject, error: unknown, report: Report): void {
  const text = textOf(error);
  const { case: found } = subject;
  const reader = 'submitting';
  const column = Object.keys(found.refusable).find(name => names(text, name));
  const isFair = error instanceof JobRejectedError && fairCodes.includes(error.code);
  if (column !== undefined && isFair) report.refused(found, reader, column, text);
  else
    report.differ({
      case: found,
      column: '',
      type: subject.columns
        .map(({ type }) => type)
        .join()
        .slice(0, 100),
      reader,
      expected:
        Object.keys(found.refusable).length > 0
          ? `ingested, or ${fairCodes.join(' or ')} with the name of ${Object.keys(found.refusable)}`
          : 'ingested',
      got: text,
    });
}

/** Whether a message names a column, or describes one that has no name. */
export const names = (text: string, column: string): boolean =>
  column === '' ? /without a name|has no name/.test(text) : text.includes(column);
