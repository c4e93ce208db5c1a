import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredColumn } from '@quantbot/bus-format';
import {
  artifactsOfTable,
  type CanonTable,
  forgottenRowsOf,
  modes,
  wasDeclaredOtherwise,
} from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { decodeBudget, decodeTogether } from '@quantbot/duckdb-process';
import { busError } from '@quantbot/infra';
import type { Bus } from './bus.js';

type CheckingBus = Pick<Bus, 'config' | 'layout' | 'journal' | 'tables' | 'inspector'>;

const filesAtOnce = 256;

const pathOf = ({ layout }: CheckingBus, relPath: string | null): string => join(layout.root, relPath ?? '');

/**
 * Refuses a mode or key that the configuration declares anew and the rows of the table do not fit.
 * Changes nothing. Once the compacted files have followed a declaration, it is not looked at again.
 *
 * @throws BusError `CONFIG_INVALID` if rows of forgotten artifacts would be lost, or if rows have
 * NULL in the key; it names the first artifact.
 */
export async function mustFitRows(bus: CheckingBus): Promise<void> {
  for (const { name } of bus.config.canon.tables) {
    const table = bus.tables.get(name);
    if (table === undefined || !wasDeclaredOtherwise(bus.layout, table)) continue;
    if (modes[table.mode].showsEveryRow) continue;
    await mustLoseNoRows(bus, table);
    await mustHaveKeys(bus, table);
  }
}

/** Only the compacted files have the rows of forgotten artifacts. A mode may hide some. */
async function mustLoseNoRows({ journal }: CheckingBus, { name, mode }: CanonTable): Promise<void> {
  const forgotten = await forgottenRowsOf(journal, name);
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
  const key = table.columns.filter(({ name }) => table.key.includes(name));
  if (key.length === 0) return;
  const all = await artifactsOfTable(bus.journal, table.name, bus.journal.lastSeq);
  const artifacts = all.filter(({ rel_path }) => existsSync(pathOf(bus, rel_path)));
  for (let start = 0; start < artifacts.length; start += filesAtOnce) {
    const found = await firstWithNull(bus, key, artifacts.slice(start, start + filesAtOnce));
    if (found === undefined) continue;
    throw busError('CONFIG_INVALID', `canon.tables.${table.name}.key does not fit ${found.artifact}.`, {
      details: found.nulls,
      hint: 'Declare the table as it was, or another key.',
    });
  }
}

/**
 * Returns the first artifact that has NULL in a column. Passes over files that cannot be read: the
 * rebuild of the table reports them.
 */
async function firstWithNull(
  bus: CheckingBus,
  columns: readonly DeclaredColumn[],
  artifacts: readonly JournalRow[],
): Promise<{ artifact: string; nulls: string[] } | undefined> {
  const files = artifacts.map(({ rel_path, rows, bytes }) => ({
    path: pathOf(bus, rel_path),
    rows: rows ?? 0,
    bytes: bytes ?? 0,
  }));
  const budget = decodeBudget(
    bus.config.limits,
    files.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const task = { files, columns, required: columns.map(({ name }) => name) };
  const outcome = await decodeTogether(bus.inspector, task, budget);
  if (outcome === undefined) return undefined;
  const [only, ...others] = artifacts;
  if (only !== undefined && others.length === 0)
    return 'nulls' in outcome ? { artifact: only.artifact_key ?? '', nulls: outcome.nulls } : undefined;
  const middle = Math.ceil(artifacts.length / 2);
  return (
    (await firstWithNull(bus, columns, artifacts.slice(0, middle))) ??
    (await firstWithNull(bus, columns, artifacts.slice(middle)))
  );
}
