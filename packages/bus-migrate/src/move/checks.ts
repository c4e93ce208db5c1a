import { isDeepStrictEqual } from 'node:util';
import { type Queries, rowsBetween, unsupportedColumns } from '@quantbot/bus-cluster';
import { daemonError } from '@quantbot/bus-format';
import {
  type JournalledTableOperation,
  namesGivenBy,
  type RegisteredArtifact,
  TableRegistry,
  tableStarts,
} from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { busError } from '@quantbot/infra/bus';
import { type BusConfig, defaultTableMode } from '@quantbot/infra/config';

/**
 * Refuses configurations that would change canonical tables, and tables that the lake cannot hold.
 * It runs before anything is copied.
 *
 * @throws BusError `CONFIG_INVALID`, `COLUMN_UNSUPPORTED`.
 */
export function checkTables(schemas: readonly RegisteredArtifact[], from: BusConfig, to: BusConfig): void {
  const [before, after] = [from, to].map(
    ({ canon }) =>
      new Map(
        TableRegistry.replay(schemas, canon.tables)
          .tables()
          .map(table => [table.name, table]),
      ),
  ) as [Map<string, object>, Map<string, object>];
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
  const details = TableRegistry.replay(schemas, to.canon.tables)
    .tables()
    .flatMap(({ name, columns }) => unsupportedColumns(columns).map(problem => `canon.${name}: ${problem}`));
  if (details.length > 0)
    throw busError('COLUMN_UNSUPPORTED', 'The bus has canonical tables that a cluster cannot have.', {
      details,
      hint: 'Submit these tables again under other names, with columns cast as the details say. Or stay on one machine.',
    });
}

/**
 * Refuses a bus with dropped or renamed tables, or with modes or types that operations have set.
 *
 * @throws DaemonError `CLUSTER_UNSUPPORTED`.
 */
export async function mustHaveTables(journal: {
  tableOperations(): Promise<readonly JournalledTableOperation[]>;
}): Promise<void> {
  const operations = await journal.tableOperations();
  const starts = tableStarts(operations);
  const names = namesGivenBy(operations);
  if (!names.areFirst)
    throw daemonError(
      'CLUSTER_UNSUPPORTED',
      `Tables of the bus were renamed (${names.all.map(name => `canon.${name}`).join(', ')}), and a bus on many machines knows only first names yet.`,
      { hint: 'Stay on one machine.' },
    );
  const dropped = [...starts].filter(([, { after }]) => after !== undefined).map(([name]) => `canon.${name}`);
  const set = [...starts].filter(([, { mode = defaultTableMode }]) => mode !== defaultTableMode);
  if (set.length > 0)
    throw daemonError(
      'CLUSTER_UNSUPPORTED',
      `Operations have set the mode of ${set.map(([name]) => `canon.${name}`).join(', ')}, and a move does not bring these modes along yet.`,
      { hint: 'Stay where you are, or run `quantbot-bus table set-mode TABLE append --apply` for each table.' },
    );
  const retyped = [...starts].filter(([, { types = [] }]) => types.length > 0).map(([name]) => `canon.${name}`);
  if (retyped.length > 0)
    throw daemonError(
      'CLUSTER_UNSUPPORTED',
      `Operations have set types of columns of ${retyped.join(', ')}, and a move does not bring these types along yet.`,
      { hint: 'Stay where you are.' },
    );
  if (dropped.length > 0)
    throw daemonError(
      'CLUSTER_UNSUPPORTED',
      `The bus has dropped tables (${dropped.join(', ')}), and a bus on many machines cannot have any yet.`,
      { hint: 'Stay on one machine, or restore the tables with `quantbot-bus table restore TABLE`.' },
    );
}

/**
 * Refuses a bus with forgotten artifacts, whose bytes are gone.
 *
 * @throws DaemonError `CLUSTER_UNSUPPORTED`.
 */
export function mustRemember(forgotten: number): void {
  if (forgotten === 0) return;
  throw daemonError(
    'CLUSTER_UNSUPPORTED',
    `The bus has ${forgotten} forgotten artifacts, and a bus with forgotten artifacts cannot be moved yet.`,
    { hint: 'Stay where you are, or restore the artifacts: submit their bytes again under the same keys.' },
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
