import {
  type BusError,
  type ForgetOutcome,
  type Receipt,
  type RejectCode,
  type RejectReason,
  rejectCodes,
} from '@quantbot/infra';
import { type BusLayout, canonTableOf, schemaHintWarning } from '@quantbot/infra/bus';
import { inFolder } from '@quantbot/infra/files';
import { castHint } from '../mismatch/mismatch.js';
import type { JournalRow } from './row.js';
import { TableNames } from './table-names.js';

/**
 * The largest outcome. A receipt of ten thousand artifacts with the longest keys and paths is
 * smaller.
 */
export const maxOutcomeBytes = 64 * 1024 * 1024;

/**
 * The subfolder of `rejected/<job id>/` that holds a job which another user may still change. The
 * bus does not read it.
 */
export const asItCame = 'job';

/** Whether the rows of a job are those of a rejection. */
export const isRejection = (rows: readonly JournalRow[]): boolean => rows[0]?.status === 'rejected';

/** Builds the receipt of a job from the journal's rows, and from the names of tables. */
export function receiptOf(
  layout: Pick<BusLayout, 'root'>,
  rows: readonly JournalRow[],
  names = TableNames.none,
): Receipt {
  const [first] = rows as [JournalRow];
  return {
    job_id: first.job_id,
    seq: first.seq,
    status: rows.some(row => row.status !== 'duplicate') ? 'ingested' : 'duplicate',
    run_id: first.run_id ?? '',
    producer: first.producer ?? '',
    committed_at: new Date(first.committed_at).toISOString(),
    artifacts: rows
      .filter(row => row.artifact_key !== null && !isGone(row))
      .map(row => ({
        status: row.status as 'ingested' | 'duplicate' | 'restored',
        key: row.artifact_key ?? '',
        canonical_path: inFolder(layout.root, row.rel_path ?? ''),
        rows: row.rows ?? 0,
        bytes: row.bytes ?? 0,
        sha256: row.sha256 ?? '',
        ...(row.status === 'ingested' && row.reject_details !== null
          ? { quarantined: JSON.parse(row.reject_details) as string[] }
          : {}),
      })),
    ...(first.op_json !== null && forgetting(first.op_json, rows)),
    ...warningsOf(rows, names.before(first.seq)),
  };
}

function warningsOf(rows: readonly JournalRow[], names: TableNames): Pick<Receipt, 'warnings'> {
  const warnings = new Set(
    rows.flatMap(row =>
      [schemaHintWarning(row.schema_hint) ?? [], isGone(row) ? [] : oldHintWarning(row, names)].flat(),
    ),
  );
  return warnings.size > 0 ? { warnings: [...warnings] } : {};
}

/** Says so if the table of a hint has another name by now. */
function oldHintWarning({ schema_hint: hint }: JournalRow, names: TableNames): string[] {
  const asked = canonTableOf(hint);
  const name = names.nameOf(names.tableOf(hint) ?? '');
  if (asked === undefined || name === asked) return [];
  return [`canon.${asked} was renamed to canon.${name}, so the rows are there. Write the schema hint canon.${name}.`];
}

const isGone = ({ status }: JournalRow): boolean => status === 'forgotten' || status === 'erased';

/**
 * Returns what became of each key of an operation `forget`. The rest of its operation has the
 * others.
 */
function forgetting(opJson: string, rows: readonly JournalRow[]): { forget?: ForgetOutcome[] } {
  const op = JSON.parse(opJson) as { type: string; spared?: ForgetOutcome[] };
  if (op.type !== 'forget') return {};
  const gone = rows.filter(isGone).map(row => ({
    key: row.artifact_key ?? '',
    status: 'forgotten' as const,
    bytes: row.bytes ?? 0,
    ...(canonTableOf(row.schema_hint) !== undefined && {
      rows: row.status === 'erased' ? ('dropped' as const) : ('kept' as const),
    }),
  }));
  return { forget: [...gone, ...(op.spared ?? [])] };
}

/** Returns `reject_details`: the details of an error, and its hint if its code has another one. */
export const rejectDetailsOf = ({ code, details, hint }: BusError): string =>
  JSON.stringify(hint === rejectCodes[code as RejectCode] ? details : [...details, { hint }]);

/** Builds the reason of a rejected job from the journal's row. */
export function rejectReasonOf(rows: readonly JournalRow[]): RejectReason {
  const [row] = rows as [JournalRow];
  const code = row.reject_code ?? 'MANIFEST_INVALID';
  const said = JSON.parse(row.reject_details ?? '[]') as (string | { hint: string })[];
  const details = said.filter(detail => typeof detail === 'string');
  const [own = rejectCodes[code]] = said.flatMap(detail => (typeof detail === 'string' ? [] : detail.hint));
  const casts = code === 'SCHEMA_MISMATCH' ? castHint(details) : undefined;
  return {
    job_id: row.job_id,
    seq: row.seq,
    code,
    error: row.reject_error ?? '',
    details,
    hint: casts === undefined ? own : `${own} ${casts}`,
    rejected_at_utc: new Date(row.committed_at).toISOString(),
    manifest_sha256: row.manifest_sha256,
  };
}

/**
 * Whether a text is the receipt or reason of a job. Some differences are allowed: a moved bus has
 * the old root in its receipts, and an older version may have written another hint, or no warnings.
 * A single flipped bit in root or hint is damage.
 */
export function isOutcomeOf(
  text: string,
  layout: Pick<BusLayout, 'root'>,
  rows: readonly JournalRow[],
  names = TableNames.none,
): boolean {
  const content = contentOf(text);
  if (isRejection(rows)) {
    const reason = rejectReasonOf(rows);
    const hint = String(content.hint);
    return !isSlip(hint, reason.hint) && text === textOf({ ...reason, hint });
  }
  const [artifact] = content.artifacts ?? [];
  const path = artifact?.canonical_path ?? layout.root;
  const end = path.length - (artifact === undefined ? 0 : (rows[0]?.rel_path ?? '').length + 1);
  const root = path.slice(0, end);
  if (isSlip(root, layout.root)) return false;
  const receipt = receiptOf({ root }, rows, names);
  const { warnings: _warnings, ...older } = receipt;
  return text === textOf(receipt) || text === textOf(older);
}

/** Whether two texts differ in exactly one bit. */
function isSlip(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  const differences = Array.from({ length: one.length }, (_, at) => one.charCodeAt(at) ^ other.charCodeAt(at));
  const bits = differences.filter(bit => bit !== 0);
  return bits.length === 1 && Math.log2(bits[0] as number) % 1 === 0;
}

function contentOf(text: string): { hint?: unknown; artifacts?: { canonical_path?: string }[] } {
  try {
    return (JSON.parse(text) ?? {}) as ReturnType<typeof contentOf>;
  } catch {
    return {};
  }
}

/** Returns a receipt or reason as the text of its file. */
export const textOf = (outcome: Receipt | RejectReason): string => `${JSON.stringify(outcome, null, 2)}\n`;
