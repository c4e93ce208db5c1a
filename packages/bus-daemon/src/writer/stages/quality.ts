import type { KnownArtifact } from '@quantbot/bus-format/journal';
import type { FilesToDecode } from '@quantbot/duckdb-process';
import type { Manifest } from '@quantbot/infra';
import { busError, foldName } from '@quantbot/infra/bus';
import type { TableQuality } from '@quantbot/infra/config';
import type { VerifyingBus } from '../bus.js';
import type { DecidedArtifact, VerifiedArtifact, VerifiedJob } from '../job.js';

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
 * Applies the rules of their tables to new artifacts of a job. A duplicate is not checked: it stays
 * a success, whatever rules came since. An artifact that breaks a rule goes into quarantine if its
 * table says so: the hint `quarantine.<table>` feeds no table.
 *
 * @throws BusError `QUALITY_FAILED` for the first other artifact that breaks a rule, with all of
 * its problems as details.
 */
export function applyRules(
  bus: RulesBus,
  manifest: Manifest,
  artifacts: readonly DecidedArtifact[],
  known: ReadonlyMap<string, KnownArtifact>,
): void {
  for (const artifact of artifacts) {
    const broken = brokenRules(bus, manifest, artifact);
    if (broken === undefined || isReleased(manifest, artifact, known)) continue;
    const { table, problems, onFailure } = broken;
    if (onFailure === 'reject')
      throw busError('QUALITY_FAILED', `${artifact.key} breaks a rule of canon.${table}: ${problems.join('; ')}.`, {
        details: problems,
      });
    artifact.quarantined = problems;
    artifact.entry = { ...artifact.entry, schema_hint: `quarantine.${table}` };
  }
}

/** Returns the artifacts that a job may release, because one of its own breaks a rule. */
export const releasable = (bus: RulesBus, { manifest, artifacts }: VerifiedJob): readonly string[] =>
  artifacts.some(artifact => brokenRules(bus, manifest, artifact) !== undefined) ? (manifest.inputs ?? []) : [];

/**
 * Whether an artifact has the bytes of one in quarantine that its job names as an input. Those were
 * judged when they came.
 */
const isReleased = (
  { inputs = [] }: Manifest,
  { sha256 }: VerifiedArtifact,
  known: ReadonlyMap<string, KnownArtifact>,
) =>
  inputs.some(key => {
    const input = known.get(key);
    return input?.isQuarantined === true && input.sha256 === sha256;
  });

/** What {@link applyRules} needs of a bus. */
type RulesBus = Pick<VerifyingBus, 'config' | 'tables'>;

interface BrokenRules {
  /** The table, by the name that it has for readers. */
  table: string;
  problems: string[];
  onFailure: TableQuality['onFailure'];
}

function brokenRules(bus: RulesBus, manifest: Manifest, artifact: VerifiedArtifact): BrokenRules | undefined {
  const table = bus.tables.tableOf(artifact.entry.schema_hint);
  const rules = table === undefined ? undefined : rulesOf(bus, table);
  if (rules === undefined || table === undefined) return undefined;
  const problems = [
    ...rowProblems(rules, artifact.rows),
    ...(artifact.values?.problems ?? []),
    ...ageProblems(rules, artifact, Date.parse(manifest.created_at_utc)),
  ];
  return problems.length === 0 ? undefined : { table: bus.tables.nameOf(table), problems, onFailure: rules.onFailure };
}

function* rowProblems({ minRows = 0, maxRows = Number.POSITIVE_INFINITY }: TableQuality, rows: number) {
  if (rows < minRows) yield `rows: the file has ${rows}, and at least ${minRows} are wanted`;
  if (rows > maxRows) yield `rows: the file has ${rows}, and at most ${maxRows} are wanted`;
}

/** The age counts from the submission: a job may wait for a daemon that is stopped. */
function* ageProblems({ columns }: TableQuality, { values }: VerifiedArtifact, submittedMs: number) {
  for (const { column, freshWithinMs = Number.POSITIVE_INFINITY } of columns) {
    const newest = values?.newest.find(found => foldName(found.column) === foldName(column));
    if (newest !== undefined && newest.ms < submittedMs - freshWithinMs)
      yield `${newest.column}: the newest value is ${new Date(newest.ms).toISOString()}, more than ${freshWithinMs / 1000} s before the submission`;
  }
}
