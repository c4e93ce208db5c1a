import * as z from 'zod';
import { tableModeNames } from './config/canon-table.js';
import { artifactKeySchema, idSchema, tableNameSchema } from './id-schemas.js';

/** The most artifacts or jobs that one operation names. */
export const maxOperationKeys = 2_000;

/** The types that an operation can give a column. */
const retypePattern =
  /^(BIGINT|UBIGINT|DOUBLE|BOOLEAN|VARCHAR|UUID|DATE|TIME|TIMESTAMP|TIMESTAMP_NS|TIMESTAMP WITH TIME ZONE|DECIMAL\((38|[12][0-9]|3[0-7]|[1-9]),(0|[1-9]|[12][0-9]|3[0-8])\))$/;
const columnNames = z.array(z.string().min(1).max(255)).max(100);
const columnType = z
  .string()
  .regex(retypePattern, 'must be a type of DuckDB as the catalog prints it, such as BIGINT or DECIMAL(18,4)');
const newName = tableNameSchema.describe('Its name from now on.');
const operationKeys = z.array(artifactKeySchema).min(1).max(maxOperationKeys);
/** The folder of a rejected job may have any name. */
const rejectedJobIds = z.array(z.string().min(1).max(255)).min(1).max(maxOperationKeys);
const by = z.string().max(200).nullable().describe('Who asked for it: user@host.');
const who = { reason: z.string().max(1_000).nullable().describe('Why, for people.'), by };

/**
 * A request to the daemon, in a job without artifacts, for an action that only the writer may take.
 */
export const operationSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('alias'),
    producer: idSchema,
    kind: idSchema,
    alias: idSchema.describe('The name, within this producer and kind.'),
    artifact_key: artifactKeySchema
      .nullable()
      .describe('The artifact that it points to from now on; null removes the alias.'),
  }),
  z.strictObject({
    type: z.literal('export'),
    names: z.array(z.string().min(1).max(100)).max(1000).describe('Names of exports. Empty: all.'),
    force: z.boolean().describe('Also refresh exports that are up to date.'),
  }),
  z.strictObject({
    type: z.literal('keep'),
    artifact_keys: operationKeys,
    keep: z.boolean().describe('Whether the artifacts are kept from now on; false removes the mark.'),
    ...who,
  }),
  z.strictObject({
    type: z.literal('forget'),
    artifact_keys: operationKeys,
    force: z.boolean().describe('Also forget what is protected.'),
    rows: z
      .enum(['default', 'drop'])
      .describe('`default`: as the mode and the declaration of each table say. `drop`: out of every table.'),
    ...who,
  }),
  z.strictObject({
    type: z.literal('dismiss'),
    job_ids: rejectedJobIds.describe('Rejected jobs that need nothing more.'),
    note: z.string().min(1).max(1_000).describe('Why, for people.'),
    by,
  }),
  z.strictObject({ type: z.literal('table_drop'), table: tableNameSchema, ...who }),
  z.strictObject({ type: z.literal('table_restore'), table: tableNameSchema, ...who }),
  z.strictObject({
    type: z.literal('table_set_mode'),
    table: tableNameSchema,
    mode: z.enum(tableModeNames).describe('Which rows the table shows from now on.'),
    key: columnNames.describe('The columns that identify a row. Empty for a mode without a key.'),
    order_by: columnNames.describe('The columns that decide which row of a key is the newest.'),
    ...who,
  }),
  z.strictObject({ type: z.literal('table_rename'), table: tableNameSchema, to: newName, ...who }),
  z.strictObject({
    type: z.literal('table_retype'),
    table: tableNameSchema,
    column: z.string().min(1).max(255).describe('A column of the table.'),
    column_type: columnType.describe('Its type from now on, which must hold each value so far.'),
    ...who,
  }),
]);

/** An operation that the daemon knows. */
export type Operation = z.infer<typeof operationSchema>;

/** An operation on a canonical table. */
export type TableOperation = Extract<Operation, { table: string }>;

/** The types of operations. */
export const operationTypes: readonly unknown[] = operationSchema.options.map(option => option.shape.type.value);

/**
 * Whether an operation can take data, its protection or a rejection away. Only the operator may ask
 * for one: a producer that may write to the inbox must not remove what others have stored.
 */
export const isForOperators = (op: Operation): boolean =>
  op.type === 'keep' ? !op.keep : op.type !== 'alias' && op.type !== 'export';
