import { isDeepStrictEqual } from 'node:util';
import { type OperatedTables, type Queries, rowsBetween, unsupportedColumns } from '@quantbot/bus-cluster';
import { daemonError } from '@quantbot/bus-format';
import type { TableRegistry } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { busError } from '@quantbot/infra/bus';
import type { BusConfig, DeclaredTable } from '@quantbot/infra/config';

/** Returns the canonical tables of the bus that is moved, as a configuration declares them. */
type TablesOf = (declared: readonly DeclaredTable[]) => TableRegistry | Promise<TableRegistry>;

/**
 * Refuses configurations that would change canonical tables, and tables that the lake cannot hold.
 * It runs before anything is copied.
 *
 * @throws BusError `CONFIG_INVALID`, `COLUMN_UNSUPPORTED`.
 */
export async function checkTables(tablesOf: TablesOf, from: BusConfig, to: BusConfig): Promise<void> {
  const named = async ({ canon }: BusConfig) =>
    new Map((await tablesOf(canon.tables)).tables().map(table => [table.name, table]));
  const [before, after] = [await named(from), await named(to)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const different = names.filter(name => !isDeepStrictEqual(before.get(name), after.get(name)));
  if (different.length > 0)
    throw busError(
      'CONFIG_INVALID',
      `The two configurations declare other canonical tables: ${different.join(', ')}.`,
      {
        hint: 'Copy the section canon from the old configuration into the new one.',
      },
    );
  if (to.cluster === undefined) return;
  const details = [...after.values()].flatMap(({ name, columns }) =>
    unsupportedColumns(columns).map(problem => `canon.${name}: ${problem}`),
  );
  if (details.length > 0)
    throw busError('COLUMN_UNSUPPORTED', 'The bus has canonical tables that a cluster cannot have.', {
      details,
      hint: 'Submit these tables again under other names, with columns cast as the details say. Or stay on one machine.',
    });
}

/**
 * Refuses a bus with canonical tables that have rows of forgotten artifacts: a move makes tables
 * from the bytes of artifacts, and these bytes are gone.
 *
 * @param tables by first name.
 * @throws DaemonError `CLUSTER_UNSUPPORTED`.
 */
export function mustHaveBytes(tables: readonly string[], { names }: OperatedTables): void {
  if (tables.length === 0) return;
  throw daemonError(
    'CLUSTER_UNSUPPORTED',
    `${tables.map(table => `canon.${names.nameOf(table)}`).join(', ')} has rows of artifacts whose bytes were forgotten, and such rows cannot be moved yet.`,
    {
      hint: 'Remove these rows, too: `quantbot-bus forget KEY --rows drop --apply`. Or restore the artifacts: submit their bytes again under the same keys.',
    },
  );
}

/**
 * Checks that the journal of the new bus is the beginning of that of the old bus.
 *
 * @throws DaemonError `MOVE_TARGET_TAKEN`.
 */
export function mustBeBeginning(
  where: string,
  seq: number,
  old: Pick<JournalRow, 'claim'> | undefined,
  there: Pick<JournalRow, 'claim'> | undefined,
): void {
  if (seq > 0 && (old === undefined || old.claim !== there?.claim))
    throw daemonError(
      'MOVE_TARGET_TAKEN',
      `${where} has jobs up to seq ${seq} that the bus to be moved does not have.`,
    );
}

/** Returns the first row of a job in PostgreSQL. */
export const rowAt = async (queries: Queries, seq: number): Promise<JournalRow | undefined> =>
  (await rowsBetween(queries, seq, seq))[0];
