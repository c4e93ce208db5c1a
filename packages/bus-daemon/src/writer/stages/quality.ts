import type { FilesToDecode } from '@quantbot/duckdb-process';
import type { Manifest } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { TableQuality } from '@quantbot/infra/config';
import type { VerifyingBus } from '../bus.js';
import type { VerifiedArtifact } from '../job.js';

/** What names the rules of a table: its declaration, by the name that it has for readers. */
type DeclaringBus = Pick<VerifyingBus, 'config'> & { tables: Pick<VerifyingBus['tables'], 'nameOf'> };

const rulesOf = ({ config, tables }: DeclaringBus, table: string): TableQuality | undefined =>
  config.canon.tables.find(({ name }) => name === tables.nameOf(table))?.quality;

/** Returns the rules of a table that need the values of a file, if it has any. */
export function valueRules(bus: DeclaringBus, table: string): FilesToDecode['quality'] {
  const rules = rulesOf(bus, table);
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
export function mustKeepRules(
  bus: Pick<VerifyingBus, 'config' | 'tables'>,
  manifest: Manifest,
  artifacts: readonly VerifiedArtifact[],
): void {
  for (const artifact of artifacts) {
    const table = bus.tables.tableOf(artifact.entry.schema_hint);
    const rules = table === undefined ? undefined : rulesOf(bus, table);
    if (rules === undefined || table === undefined) continue;
    const problems = [
      ...rowProblems(rules, artifact.rows),
      ...(artifact.values?.problems ?? []),
      ...ageProblems(rules, artifact, Date.parse(manifest.created_at_utc)),
    ];
    if (problems.length > 0)
      throw busError(
        'QUALITY_FAILED',
        `${artifact.key} breaks a rule of canon.${bus.tables.nameOf(table)}: ${problems.join('; ')}.`,
        {
          details: problems,
        },
      );
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
