import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BusLayout } from '@quantbot/infra/bus';
import { tableModeNames } from '@quantbot/infra/config';
import { makeFolderDurable, readState, removeTemporaries, writeStateDurable } from '@quantbot/infra/files';
import * as z from 'zod';
import { type CanonTable, newTable } from './table.js';

/**
 * The file in a table's folder that names the mode of its compacted files. Without it, that is the
 * default mode.
 */
const definitionFile = 'table.json';

/**
 * The folder in a table's folder for compacted files that a backup copied, for the rows of
 * forgotten artifacts.
 */
export const keptName = 'kept';

const definitionSchema = z.object({
  mode: z.enum(tableModeNames),
  key: z.array(z.string()).optional(),
  orderBy: z.array(z.string()).optional(),
  /** The last job that took rows out of the table or brought them back, as far as it is done. */
  turn: z.number().optional(),
});

const pathOf = (layout: BusLayout, table: string): string => join(layout.canon, table, definitionFile);

/**
 * Returns whether the compacted files of a table were made for another mode than the configured
 * one, for an unknown one, or before rows left the table or came back (`turn`).
 */
export async function wasMadeForAnotherMode(layout: BusLayout, table: CanonTable, turn = 0): Promise<boolean> {
  const found = readState(pathOf(layout, table.name), definitionSchema);
  const made = found === 'missing' ? definitionOf(newTable(table.name, undefined), 0) : found;
  return !isDeepStrictEqual(made, definitionOf(table, turn));
}

/** Returns whether the compacted files of a table were made for another known mode or key. */
export function wasDeclaredOtherwise(layout: BusLayout, table: CanonTable): boolean {
  const found = readState(pathOf(layout, table.name), definitionSchema);
  if (found === 'damaged') return false;
  const made = found === 'missing' ? definitionOf(newTable(table.name, undefined), 0) : found;
  return !isDeepStrictEqual({ ...made, turn: undefined }, { ...definitionOf(table, 0), turn: undefined });
}

/** Returns the last turn that the compacted files of a table have taken. */
export function turnTaken(layout: BusLayout, table: string): number {
  const found = readState(pathOf(layout, table), definitionSchema);
  return found === 'missing' || found === 'damaged' ? 0 : (found.turn ?? 0);
}

/** Returns when the compacted files of a table took a turn last (milliseconds); 0 if never. */
export const turnedAt = (layout: BusLayout, table: string): number =>
  statSync(pathOf(layout, table), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Returns whether the file that names the mode of a table's compacted files is damaged. */
export const isDefinitionDamaged = (layout: BusLayout, table: string): boolean =>
  readState(pathOf(layout, table), definitionSchema) === 'damaged';

/**
 * Records the mode of a table, and its last turn, for the compacted files that follow. What a
 * writer left that was killed meanwhile goes.
 */
export async function noteMode(layout: BusLayout, table: CanonTable, turn = 0): Promise<void> {
  const folder = join(layout.canon, table.name);
  await makeFolderDurable(folder);
  await removeTemporaries(folder, definitionFile);
  await writeStateDurable(pathOf(layout, table.name), definitionOf(table, turn), 0);
}

const definitionOf = ({ mode, key, orderBy }: CanonTable, turn: number) => ({
  mode,
  ...(key.length > 0 && { key, orderBy }),
  ...(turn > 0 && { turn }),
});
