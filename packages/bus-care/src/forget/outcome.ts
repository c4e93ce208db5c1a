import { canonTableOf, modes } from '@quantbot/bus-format/canon';
import type { Gone, JournalRow, Judged } from '@quantbot/bus-format/journal';
import type { ForgetOutcome } from '@quantbot/infra';
import { type BusConfig, defaultTableMode } from '@quantbot/infra/config';

/** How to forget. */
export interface ForgetManner {
  /** Whether to forget what is protected, too. */
  force: boolean;
  /** `drop`: the rows leave every table. */
  rows: 'default' | 'drop';
}

/** What becomes of a key, and for one that is forgotten, how. */
export type ForgetDecision = ForgetOutcome & { gone?: Gone };

/** Decides what becomes of a key, by what the journal says about it. */
export function decideKey(
  config: Pick<BusConfig, 'canon'>,
  { force, rows }: ForgetManner,
  { key, row, gone, protectedBy, isDropped, setModes, names }: Judged,
): ForgetDecision {
  if (row === undefined) return { key, status: 'unknown', bytes: 0 };
  const leave = rows === 'drop' || isDropped || rowsLeave(config, row, { setModes, names });
  const isDone = gone === 'erased' || (gone === 'forgotten' && rows !== 'drop');
  if (isDone) return { key, status: 'already_forgotten', bytes: 0 };
  if (protectedBy.length > 0 && !force) return { key, status: 'protected', bytes: 0, protected_by: protectedBy };
  return {
    key,
    status: 'forgotten',
    bytes: gone === undefined ? (row.bytes ?? 0) : 0,
    ...(canonTableOf(row.schema_hint) !== undefined && { rows: leave ? ('dropped' as const) : ('kept' as const) }),
    gone: leave ? 'erased' : 'forgotten',
  };
}

/** Whether the rows of a forgotten artifact leave its canonical table. */
function rowsLeave(
  { canon }: Pick<BusConfig, 'canon'>,
  { schema_hint, seq }: Pick<JournalRow, 'schema_hint' | 'seq'>,
  { setModes, names }: Pick<Judged, 'setModes' | 'names'>,
): boolean {
  const table = names.tableOf(schema_hint, seq);
  if (table === undefined) return false;
  const declared = canon.tables.find(({ name }) => name === names.nameOf(table));
  const mode = declared?.mode ?? setModes.get(table)?.mode ?? defaultTableMode;
  return declared?.rows === 'drop' || !modes[mode].onlyGrows;
}
