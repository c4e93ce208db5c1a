import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';

/**
 * Returns the paths in `hot/` and `canon/` that should be files of canonical tables but are not
 * regular files. DuckDB would wait forever for a writer of a FIFO.
 */
export async function tableFilesThatAreNone({ hot, canon }: BusLayout): Promise<string[]> {
  const tables = await Promise.all([hot, canon].map(entriesOf));
  const folders = tables.flat().filter(entry => entry.isDirectory());
  const files = await Promise.all(folders.map(({ parentPath, name }) => entriesOf(join(parentPath, name))));
  return files
    .flat()
    .filter(entry => entry.name.endsWith('.parquet') && !entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

const entriesOf = async (folder: string): Promise<Dirent[]> =>
  (await readdir(folder, { withFileTypes: true }).catch(unlessNoFolder)) ?? [];

function unlessNoFolder(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
}
