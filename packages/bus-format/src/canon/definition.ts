import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BusLayout } from '@quantbot/infra';
import { tableModeNames } from '@quantbot/infra/config';
import { makeFolderDurable, readState, writeStateDurable } from '@quantbot/infra/files';
import { z } from 'zod';
import { type CanonTable, newTable } from './table.js';

/**
 * Lies in a table's folder and names the mode that its compacted files were made for. Without it,
 * they were made for the default mode.
 */
const definitionFile = 'table.json';

const definitionSchema = z.object({
  mode: z.enum(tableModeNames),
  key: z.array(z.string()).optional(),
  orderBy: z.array(z.string()).optional(),
});

const pathOf = (layout: BusLayout, table: string): string => join(layout.canon, table, definitionFile);

/**
 * Whether the compacted files of a table were made for another mode than it has now (the
 * configuration has changed), or nobody knows for which.
 */
export async function wasMadeForAnotherMode(layout: BusLayout, table: CanonTable): Promise<boolean> {
  const found = readState(pathOf(layout, table.name), definitionSchema);
  const made = found === 'missing' ? definitionOf(newTable(table.name, undefined)) : found;
  return !isDeepStrictEqual(made, definitionOf(table));
}

/** Whether the file that says for which mode a table was compacted is damaged. */
export const isDefinitionDamaged = (layout: BusLayout, table: string): boolean =>
  readState(pathOf(layout, table), definitionSchema) === 'damaged';

/** Notes that from now on the compacted files of a table are made for its mode. */
export async function noteMode(layout: BusLayout, table: CanonTable): Promise<void> {
  await makeFolderDurable(join(layout.canon, table.name));
  await writeStateDurable(pathOf(layout, table.name), definitionOf(table), 0);
}

const definitionOf = ({ mode, key, orderBy }: CanonTable) => ({ mode, ...(key.length > 0 && { key, orderBy }) });
