import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { makeFolderDurable, makingWay, readSmallFile, smallFileBytes, writeFileDurable } from '@quantbot/infra/files';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { ignoreMissing, unlessUnreadable } from '../errors.js';
import { commitFile } from './commit-file.js';
import { emptyCommit, emptyTableFileName } from './files.js';

/** Creates the empty commit file. Without it, a bus that has no commits could not be read. */
export const ensureEmptyCommit = (layout: BusLayout): Promise<void> =>
  ensureFile(layout, 'commit.parquet', commitFile([]));

/** Creates a table's empty files, one per generation, before anything refers to the table. */
export async function ensureEmptyTableFiles(
  layout: BusLayout,
  table: { name: string; generation: number },
): Promise<void> {
  for (let generation = 0; generation <= table.generation; generation++)
    await ensureFile(layout, emptyTableFileName(table.name, generation), emptyTableFile());
}

/**
 * The content of a table's empty file: no rows, and a column that no table can have. Views name
 * their columns themselves, and read NULL for what a file lacks.
 */
export const emptyTableFile = (): Uint8Array =>
  new Uint8Array(parquetWriteBuffer({ columnData: [{ name: '_position', type: 'INT64', data: [] }] }));

/** Returns the paths below `journal/` of tables' empty files that are damaged. */
export async function damagedEmptyFiles({ hot }: BusLayout): Promise<string[]> {
  const names = (await readdir(join(hot, emptyCommit)).catch(ignoreMissing)) ?? [];
  const tables = names.filter(name => name.endsWith('~empty.parquet'));
  const damaged = tables.filter(name => !has(join(hot, emptyCommit, name), emptyTableFile()));
  return damaged.map(name => join('hot', emptyCommit, name));
}

async function ensureFile(layout: BusLayout, name: string, content: Uint8Array): Promise<void> {
  const folder = join(layout.hot, emptyCommit);
  await makeFolderDurable(folder);
  const path = join(folder, name);
  if (!has(path, content)) await makingWay(path, () => writeFileDurable(path, content, 0o444));
}

/** Whether a regular file has this content. */
function has(path: string, content: Uint8Array): boolean {
  const bytes = unlessUnreadable(() => readSmallFile(path, smallFileBytes));
  return bytes?.compare(content) === 0;
}
