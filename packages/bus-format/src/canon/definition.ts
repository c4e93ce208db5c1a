import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusLayout, makeFolderDurable, systemErrorCode, writeFileDurable } from '@quantbot/infra';
import type { CanonTable } from './table.js';

/**
 * In a table's folder: by which mode its compacted files were made. Without it they hold every row
 * (`append`).
 */
const definitionFile = 'table.json';

/**
 * Whether the compacted files of a table were made for another mode than it has now (the
 * configuration has changed).
 */
export async function wasMadeForAnotherMode(layout: BusLayout, table: CanonTable): Promise<boolean> {
  const text = await readFile(join(layout.canon, table.name, definitionFile), 'utf8').catch(error => {
    if (systemErrorCode(error) === 'ENOENT') return textOf({ ...table, mode: { mode: 'append' } });
    throw error;
  });
  return text !== textOf(table);
}

/** Notes that from now on the compacted files of a table are made for its mode. */
export async function noteMode(layout: BusLayout, table: CanonTable): Promise<void> {
  const folder = join(layout.canon, table.name);
  await makeFolderDurable(folder);
  await writeFileDurable(join(folder, definitionFile), textOf(table));
}

const textOf = ({ mode }: CanonTable): string => `${JSON.stringify(mode)}\n`;
