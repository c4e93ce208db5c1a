import { type CanonTable, forgottenRowsOf, modes, shownName, wasDeclaredOtherwise } from '@quantbot/bus-format/canon';
import { busError } from '@quantbot/infra/bus';
import type { Bus } from './bus.js';
import { firstWithoutKey, type KeyCheck } from './null-keys.js';

type CheckingBus = KeyCheck & Pick<Bus, 'tables'>;

/**
 * Refuses a mode or key that the configuration declares anew and the rows of the table do not fit.
 * Changes nothing. Once the compacted files have followed a declaration, it is not looked at again.
 *
 * @throws BusError `CONFIG_INVALID` if rows of forgotten artifacts would be lost, or if rows have
 * NULL in the key; it names the first artifact.
 */
export async function mustFitRows(bus: CheckingBus): Promise<void> {
  for (const { name } of bus.config.canon.tables) {
    const table = bus.tables.named(name);
    if (table === undefined || !wasDeclaredOtherwise(bus.layout, table)) continue;
    if (modes[table.mode].showsEveryRow) continue;
    await mustLoseNoRows(bus, table);
    await mustHaveKeys(bus, table);
  }
}

/** Only the compacted files have the rows of forgotten artifacts. A mode may hide some. */
async function mustLoseNoRows({ journal }: CheckingBus, table: CanonTable): Promise<void> {
  const { mode } = table;
  const name = shownName(table);
  const forgotten = await forgottenRowsOf(journal, table.name);
  const [first] = forgotten;
  if (first === undefined) return;
  const rows = forgotten.reduce((sum, row) => sum + (row.rows ?? 0), 0);
  throw busError('CONFIG_INVALID', `canon.tables.${name} would lose rows of forgotten artifacts for ever.`, {
    details: [
      `canon.${name} has ${rows} rows of forgotten artifacts, the first of ${first.artifact_key}. No stored file has them, and ${mode} hides some.`,
    ],
    hint: `Declare the table as it was. To let these rows go, start the daemon with that and run \`quantbot-bus forget KEY --rows drop --apply\` for each of them.`,
  });
}

/** The files that were committed without the key may have NULL in it. */
async function mustHaveKeys(bus: CheckingBus, table: CanonTable): Promise<void> {
  const found = await firstWithoutKey(bus, table);
  if (found === undefined) return;
  throw busError('CONFIG_INVALID', `canon.tables.${shownName(table)}.key does not fit ${found.artifact}.`, {
    details: found.nulls,
    hint: 'Declare the table as it was, or another key.',
  });
}
