import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusLayout, makeFolderDurable, systemErrorCode, writeFileDurable } from '@quantbot/infra';
import { type CanonTable, newTable } from './table.js';

/**
 * Lies in a table's folder and names the mode that its compacted files were made for. Without it,
 * they were made for the default mode.
 */
const definitionFile = 'table.json';

/**
 * Whether the compacted files of a table were made for another mode than it has now (the
 * configuration has changed).
 */
export async function wasMadeForAnotherMode(layout: BusLayout, table: CanonTable): Promise<boolean> {
  const text = await readFile(join(layout.canon, table.name, definitionFile), 'utf8').catch(error => {
    if (systemErrorCode(error) === 'ENOENT') return textOf(newTable(table.name, undefined));
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

const textOf = ({ mode, key, orderBy }: CanonTable): string =>
  `${JSON.stringify({ mode, ...(key.length > 0 && { key, orderBy }) })}\n`;
