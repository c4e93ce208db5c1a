import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sealFile, sealMetadata } from '@quantbot/bus-format/journal';
import { literal, literalList } from '@quantbot/bus-format/sql';
import type { Objects } from '@quantbot/infra/objects';
import type { OpenLake } from '@quantbot/storage/lake';
import { copyExactly, toStream } from '@quantbot/storage/sandbox';
import { compareObject } from '../compare-object.js';
import { damagedFile } from './lake-files.js';

/** Where files of the lake are written. */
export interface LakePlace {
  /** The root of the objects, as DuckDB names it: `s3://…` or an absolute path. */
  root: string;
  objects: Pick<Objects, 'create' | 'head' | 'readRange'>;
  /** A folder of this host, for files that are about to become objects. */
  workFolder: string;
}

/** What to write. */
export interface NewLakeFile {
  place: LakePlace;
  /** The file's name below `lake/<table>/`, without its ending. */
  name: string;
  /** One scan. Its rows are not sorted. */
  sql: string;
}

const entries = Object.entries(sealMetadata).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
/** Options of DuckDB's COPY for a file that will be sealed. */
export const sealedParquet = `FORMAT parquet, COMPRESSION zstd, KV_METADATA {${entries.join(', ')}}`;

/**
 * Writes rows of a canonical table into a new file of the lake, within a transaction, and reads it
 * back. DuckDB's own COPY would lose the sign of zero and the bits of NaN. The rows are streamed,
 * because they may be larger than memory, and a failed attempt would end the transaction.
 *
 * @returns where it lies.
 */
export async function writeFile(
  { connection }: Pick<OpenLake, 'connection'>,
  table: string,
  { place, name, sql }: NewLakeFile,
): Promise<string> {
  for (const statement of toStream) await connection.run(statement);
  return putSealed(place, `${table}/${name}`, async path => {
    await copyExactly(connection, {
      sql,
      path,
      options: sealedParquet,
      readBack: true,
      streams: true,
      inTransaction: true,
    });
  });
}

/**
 * Makes a file that holds its own checksum an object of the lake. It is written on this host first.
 *
 * @param name the name below `lake/`, without its ending.
 * @param write writes a Parquet file with {@link sealedParquet}.
 * @returns where it lies.
 */
export async function putSealed(
  { root, objects, workFolder }: LakePlace,
  name: string,
  write: (path: string) => Promise<unknown>,
): Promise<string> {
  const id = randomUUID();
  const [object, path] = [`lake/${name}~${id}.parquet`, join(workFolder, `lake-${id}.parquet`)];
  try {
    await write(path);
    await sealFile(path, object);
    await objects.create(object, { path });
    return `${root}/${object}`;
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Compares files of the lake with their checksums, before their rows go into another file. Where
 * the store checks its objects itself, it reads none of them.
 *
 * @param paths where they lie.
 * @throws DaemonError `FILE_DAMAGED`.
 */
export async function mustBeSound({ root, objects }: LakePlace, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (!path.startsWith(`${root}/`)) continue; // DuckLake's own
    const key = path.slice(root.length + 1);
    const wrong = await compareObject(objects, { key }, { trustsStore: true });
    if (wrong !== undefined) throw damagedFile(key, wrong);
  }
}

/** Adds files to a table of the lake. */
export async function addFiles(
  { connection }: Pick<OpenLake, 'connection'>,
  table: string,
  paths: readonly string[],
  schema = '_files',
): Promise<void> {
  await connection.run(
    `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literalList(paths)}, schema => ${literal(schema)}, allow_missing => true)`,
  );
}
