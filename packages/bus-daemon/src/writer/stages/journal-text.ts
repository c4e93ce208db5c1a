import { exactJson, type Manifest } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { type CheckedJob, isRejected, type VerifiedArtifact } from '../job.js';
import { schemaJson } from './job-rows.js';

/** The text that one job, or a commit of several, may add to the journal (characters). */
export const maxJournalText = 64 * 1024 * 1024;

/**
 * Returns how much text a job adds to the journal at most. Each artifact has a row with its schema,
 * and with all inputs, meta and provenance of the job.
 */
export const journalTextOf = (job: CheckedJob): number =>
  isRejected(job) ? job.manifestLength : job.artifacts.length * job.manifestLength + schemasOf(job.artifacts);

const schemasOf = (artifacts: readonly VerifiedArtifact[]): number =>
  artifacts.reduce((sum, { columns }) => sum + schemaJson(columns).length, 0);

/** @throws BusError `TOO_LARGE` if a small manifest would become too much text. */
export function checkJournalText(
  { artifacts: { length }, inputs, meta, provenance }: Manifest,
  manifestLength: number,
  artifacts: readonly VerifiedArtifact[],
): void {
  const schemas = schemasOf(artifacts);
  if (length * manifestLength + schemas <= maxJournalText) return;
  const shared = [inputs, meta, provenance].reduce<number>(
    (sum, value) => sum + (value === undefined ? 0 : exactJson(value).length),
    0,
  );
  const text = length * shared + manifestLength + schemas;
  if (text <= maxJournalText) return;
  throw busError(
    'TOO_LARGE',
    `The catalog would hold ${text} characters about the ${length} artifacts of the job; ${maxJournalText} are allowed.`,
    {
      hint: 'Each artifact is catalogued with its schema, and with the inputs, meta and provenance of its job. Put less into these, or split the job.',
    },
  );
}
