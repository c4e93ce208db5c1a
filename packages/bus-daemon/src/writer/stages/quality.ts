import { canonTableOf } from '@quantbot/bus-format/canon';
import type { FilesToDecode } from '@quantbot/duckdb-process';
import type { Manifest } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { BusConfig, TableQuality } from '@quantbot/infra/config';
import type { VerifiedArtifact } from '../job.js';

const rulesOf = ({ canon }: BusConfig, table: string | undefined): TableQuality | undefined =>
  canon.tables.find(({ name }) => name === table)?.quality;

/** Returns the rules of a table that need the values of a file, if it has any. */
export function valueRules(config: BusConfig, table: string): FilesToDecode['quality'] {
  const rules = rulesOf(config, table);
  if (rules === undefined || rules.columns.length + rules.unique.length === 0) return undefined;
  return { columns: rules.columns, unique: rules.unique };
}

/**
 * Checks new artifacts of a job against the rules of their tables. A duplicate is not checked: it
 * stays a success, whatever rules came since.
 *
 * @throws BusError `QUALITY_FAILED` for the first artifact that breaks a rule, with all of its
 * problems as details.
 */
export function mustKeepRules(config: BusConfig, manifest: Manifest, artifacts: readonly VerifiedArtifact[]): void {
  for (const artifact of artifacts) {
    const table = canonTableOf(artifact.entry.schema_hint);
    const rules = rulesOf(config, table);
    if (rules === undefined) continue;
    const problems = [
      ...rowProblems(rules, artifact.rows),
      ...(artifact.values?.problems ?? []),
      ...ageProblems(rules, artifact, Date.parse(manifest.created_at_utc)),
    ];
    if (problems.length > 0)
      throw busError('QUALITY_FAILED', `${artifact.key} breaks a rule of canon.${table}: ${problems.join('; ')}.`, {
        details: problems,
      });
  }
}

function* rowProblems({ minRows = 0, maxRows = Number.POSITIVE_INFINITY }: TableQuality, rows: number) {
  if (rows < minRows) yield `rows: the file has ${rows}, and at least ${minRows} are wanted`;
  if (rows > maxRows) yield `rows: the file has ${rows}, and at most ${maxRows} are wanted`;
}

/** The age counts from the submission: a job may wait for a daemon that is stopped. */
function* ageProblems({ columns }: TableQuality, { values }: VerifiedArtifact, submittedMs: number) {
  for (const { column, freshWithinMs = Number.POSITIVE_INFINITY } of columns) {
    const newest = values?.newest.find(found => found.column.toLowerCase() === column.toLowerCase());
    if (newest !== undefined && newest.ms < submittedMs - freshWithinMs)
      yield `${newest.column}: the newest value is ${new Date(newest.ms).toISOString()}, more than ${freshWithinMs / 1000} s before the submission`;
  }
}
