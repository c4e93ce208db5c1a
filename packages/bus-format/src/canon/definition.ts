import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BusLayout } from '@quantbot/infra';
import { tableModeNames } from '@quantbot/infra/config';
import { makeFolderDurable, readState, writeStateDurable } from '@quantbot/infra/files';
import { z } from 'zod';
import { type CanonTable, newTable } from './table.js';

/**
 * The file in a table's folder that names the mode of its compacted files. Without it, that is the
 * default mode.
 */
const definitionFile = 'table.json';

const definitionSchema = z.object({
  mode: z.enum(tableModeNames),
  key: z.array(z.string()).optional(),
  orderBy: z.array(z.string()).optional(),
});

const pathOf = (layout: BusLayout, table: string): string => join(layout.canon, table, definitionFile);

/**
 * Returns whether the compacted files of a table were made for another mode than the configured
 * one, or for an unknown one.
 */
export async function wasMadeForAnotherMode(layout: BusLayout, table: CanonTable): Promise<boolean> {
  const found = readState(pathOf(layout, table.name), definitionSchema);
  const made = found === 'missing' ? definitionOf(newTable(table.name, undefined)) : found;
  return !isDeepStrictEqual(made, definitionOf(table));
}

/** Returns whether the file that names the mode of a table's compacted files is damaged. */
export const isDefinitionDamaged = (layout: BusLayout, table: string): boolean =>
  readState(pathOf(layout, table), definitionSchema) === 'damaged';

/** Records the mode of a table for the compacted files that follow. */
export async function noteMode(layout: BusLayout, table: CanonTable): Promise<void> {
  await makeFolderDurable(join(layout.canon, table.name));
  await writeStateDurable(pathOf(layout, table.name), definitionOf(table), 0);
}

const definitionOf = ({ mode, key, orderBy }: CanonTable) => ({ mode, ...(key.length > 0 && { key, orderBy }) });
