import type { TableMode } from '../config/canon-table.js';
import { busError } from '../errors.js';
import { isId } from '../ids.js';
import { type Operation, operationSchema } from '../operation.js';
import type { ForgetOutcome } from '../receipt.js';
import type { SettleOptions } from './settled.js';
import { submitOperation } from './submit.js';

/** Where an operation goes, and how long to wait for the daemon. */
export interface OperationOptions extends SettleOptions {
  /**
   * The bus; by default as for `submitArtifact`. Over HTTP, the token needs the scope `operate`.
   */
  busRoot?: string;
}

/** Why, and who asks for it. Both are for people, and stay in the journal. */
export interface Because {
  reason?: string;
  /** `user@host`, for example. */
  by?: string;
}

/**
 * Points an alias of a producer and kind at one of its artifacts. `key: null` removes the alias.
 *
 * @returns the seq from which it holds.
 * @throws JobRejectedError `OPERATION_INVALID`; BusError `OPTIONS_INVALID`, `SETTLE_TIMEOUT`,
 * `BUS_ROOT_NOT_FOUND`, `SUBMIT_FAILED`.
 *
 * @example
 * const key = 'run-7/baseline/alerts_std/alerts';
 * await setAlias({ producer: 'baseline', kind: 'alerts_std', alias: 'prod', key });
 */
export async function setAlias(
  { producer, kind, alias, key }: { producer: string; kind: string; alias: string; key: string | null },
  options: OperationOptions = {},
): Promise<number> {
  if (![producer, kind, alias].every(isId))
    throw busError('OPTIONS_INVALID', `${producer}/${kind}@${alias} is no alias.`);
  return (await operate({ type: 'alias', producer, kind, alias, artifact_key: key }, options)).seq;
}

/**
 * Marks artifacts as kept: they, and everything that they were made from, are not forgotten.
 * `keep: false` removes the mark. At most 2,000 keys.
 *
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 */
export async function keepArtifacts(
  { keys, keep = true, reason, by }: { keys: readonly string[]; keep?: boolean } & Because,
  options: OperationOptions = {},
): Promise<number> {
  const op = { type: 'keep' as const, artifact_keys: [...keys], keep, reason: reason ?? null, by: by ?? null };
  return (await operate(op, options)).seq;
}

/**
 * Forgets artifacts: their bytes go for ever, their entries in the catalog stay. At most 2,000
 * keys.
 *
 * @param request.force also forgets what is protected: what has an alias or a keep mark, what such
 * an
 * artifact was made from, and the newest of each producer, kind and artifact id.
 * @param request.rows `'drop'` takes their rows out of every canonical table and export.
 * @returns what became of each key.
 * @throws as {@link setAlias}.
 *
 * @example
 * const outcomes = await forgetArtifacts({ keys: ['run-3/baseline/alerts_std/alerts'], reason:
 * 'wrong parameters' }); for (const { key, status } of outcomes) console.log(key, status);
 */
export async function forgetArtifacts(
  {
    keys,
    force = false,
    rows = 'default',
    reason,
    by,
  }: { keys: readonly string[]; force?: boolean; rows?: 'default' | 'drop' } & Because,
  options: OperationOptions = {},
): Promise<ForgetOutcome[]> {
  const who = { reason: reason ?? null, by: by ?? null };
  const op = { type: 'forget' as const, artifact_keys: [...keys], force, rows, ...who };
  return (await operate(op, options)).forget ?? [];
}

/**
 * Dismisses rejected jobs that need nothing more: lists and counts of rejected jobs leave them out.
 * Their files stay, and a retry is still possible. At most 2,000 jobs.
 *
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 *
 * @example
 * await dismissJobs({ jobs: ['20260101T120000-sim-1'], note: 'a run with wrong parameters' });
 */
export async function dismissJobs(
  { jobs, note, by }: { jobs: readonly string[]; note: string; by?: string },
  options: OperationOptions = {},
): Promise<number> {
  return (await operate({ type: 'dismiss', job_ids: [...jobs], note, by: by ?? null }, options)).seq;
}

/**
 * Drops a canonical table. Its artifacts stay, and {@link restoreTable} brings it back. A later
 * artifact with its hint starts a new table.
 *
 * @param request.table its name, in lower case and without `canon.`.
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 */
export async function dropTable(
  { table, reason, by }: { table: string } & Because,
  options: OperationOptions = {},
): Promise<number> {
  return (await operate({ type: 'table_drop', table, reason: reason ?? null, by: by ?? null }, options)).seq;
}

/**
 * Brings a dropped canonical table back, with all artifacts that have its hint.
 *
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 */
export async function restoreTable(
  { table, reason, by }: { table: string } & Because,
  options: OperationOptions = {},
): Promise<number> {
  return (await operate({ type: 'table_restore', table, reason: reason ?? null, by: by ?? null }, options)).seq;
}

/**
 * Renames a canonical table. Artifacts with the old name in their hint stay in it, and so do later
 * ones, until another table gets the old name. Renaming it back undoes it.
 *
 * @param request.table its name, in lower case and without `canon.`.
 * @param request.to the new name, which no table may have.
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 *
 * @example
 * await renameTable({ table: 'alrets', to: 'alerts', reason: 'mistyped hint' });
 */
export async function renameTable(
  { table, to, reason, by }: { table: string; to: string } & Because,
  options: OperationOptions = {},
): Promise<number> {
  const op = { type: 'table_rename' as const, table, to, reason: reason ?? null, by: by ?? null };
  return (await operate(op, options)).seq;
}

/**
 * Gives a column of a canonical table another type. The new type must hold each value of the column
 * exactly. Files of the old type are still taken if their values fit. Giving it the old type again
 * undoes it.
 *
 * @param request.table its name, in lower case and without `canon.`.
 * @param request.type a type of DuckDB as the catalog prints it: `BIGINT`, `DECIMAL(18,4)`.
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}. The details of `OPERATION_INVALID` name the first artifact whose
 * values do not fit.
 *
 * @example
 * await retypeColumn({ table: 'alerts_std', column: 'alert_id', type: 'BIGINT' });
 */
export async function retypeColumn(
  { table, column, type, reason, by }: { table: string; column: string; type: string } & Because,
  options: OperationOptions = {},
): Promise<number> {
  const who = { reason: reason ?? null, by: by ?? null };
  return (await operate({ type: 'table_retype', table, column, column_type: type, ...who }, options)).seq;
}

/**
 * Sets the mode and the key of a canonical table. It then shows other rows of the same artifacts.
 * Calling it again with the old mode undoes it, except for rows of forgotten artifacts: these leave
 * a table that is not `append` any more.
 *
 * @param request.table its name, in lower case and without `canon.`.
 * @param request.key the columns that identify a row, for `upsert` only. No row may have NULL in
 * them.
 * @param request.orderBy the columns that decide which row of a key is the newest, for `upsert`
 * only. By default, that is the order of the commits.
 * @returns the seq from which it holds.
 * @throws as {@link setAlias}.
 *
 * @example
 * await setTableMode({ table: 'alerts_std', mode: 'upsert', key: ['alert_id'] });
 */
export async function setTableMode(
  { table, mode, key = [], orderBy = [], reason, by }: SetTableMode,
  options: OperationOptions = {},
): Promise<number> {
  const who = { reason: reason ?? null, by: by ?? null };
  const op = { type: 'table_set_mode' as const, table, mode, key: [...key], order_by: [...orderBy], ...who };
  return (await operate(op, options)).seq;
}

/** The mode that a canonical table gets. */
export interface SetTableMode extends Because {
  table: string;
  mode: TableMode;
  key?: readonly string[];
  orderBy?: readonly string[];
}

async function operate(op: Operation, { busRoot, ...settle }: OperationOptions) {
  const parsed = operationSchema.safeParse(op);
  if (!parsed.success)
    throw busError('OPTIONS_INVALID', 'The options of the operation are not valid.', {
      details: parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`),
    });
  const submission = await submitOperation(parsed.data, busRoot === undefined ? {} : { busRoot });
  return submission.settled(settle);
}
