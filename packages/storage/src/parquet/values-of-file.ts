import { readParquetFooter } from '@quantbot/infra';
import { systemErrorCode } from '@quantbot/infra/files';
import type { ParquetParsers, SchemaElement, SchemaTree } from 'hyparquet';
import { storageError } from '../errors.js';

/** A leaf of a file's schema. */
export type Leaf = SchemaElement;

/** A question about the integers of some leaves; of INT96, about the nanoseconds since 1970. */
export interface ValueQuestion {
  isAbout: (leaf: Leaf) => boolean;
  holds: (value: number | bigint) => boolean;
}

/** Some writers count the NULLs of a page wrongly, which DuckDB does not read. */
const unchecked = (column: string, path: string, cause: Error): Error =>
  storageError('READ_FAILED', `The values of the column ${column} cannot be checked: ${cause.message}.`, {
    cause,
    details: [path],
    hint: 'Read other columns, or write the file again, with data pages of version 1.',
  });

/** Stops reading a column once the answer is known. */
class Found extends Error {}

/**
 * Returns the first question whose condition holds for a value in a column, which has DuckDB's
 * name. Another reader than DuckDB reads the file's own integers, one row group at a time.
 *
 * @param ask returns the questions about the leaves of the column, in a file of this writer.
 * @throws StorageError `READ_FAILED` if the other reader cannot read the column.
 */
export async function findValue<Q extends ValueQuestion>(
  path: string,
  column: string,
  ask: (leaves: readonly Leaf[], writer: string) => readonly Q[],
): Promise<Q | undefined> {
  // Loaded for the few columns that need it.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const position = (await readParquetFooter(path)).columns.findIndex(({ name }) => name === column);
  const node = parquetSchema(metadata).children[position];
  if (node === undefined) return undefined;
  const leaves = new Set(leavesOf(node));
  for (const question of ask([...leaves], metadata.created_by ?? '')) {
    const { isAbout, holds } = question;
    if (![...leaves].some(isAbout)) continue;
    const schema = metadata.schema.map(element => (leaves.has(element) ? plain(element, isAbout(element)) : element));
    const look = (value: number | bigint): never => {
      if (holds(value)) throw new Found();
      return 0 as never;
    };
    // hyparquet's type requires all parsers; its code fills in missing ones.
    const parsers = { dateFromDays: look, timestampFromNanoseconds: look } as unknown as ParquetParsers;
    const columns = [node.element.name];
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      try {
        await parquetRead({ file, metadata: { ...metadata, schema }, columns, rowStart, rowEnd, compressors, parsers });
      } catch (error) {
        if (error instanceof Found) return question;
        throw systemErrorCode(error) === undefined ? unchecked(column, path, error as Error) : error;
      }
      rowStart = rowEnd;
    }
  }
  return undefined;
}

const leavesOf = ({ element, children }: SchemaTree): Leaf[] =>
  children.length === 0 ? [element] : children.flatMap(leavesOf);

/**
 * Returns a leaf without its meaning, so that hyparquet converts nothing. It gives the integers of
 * a DATE to a function, whatever their length, and those of a plain INT96.
 */
const plain = ({ name, type, type_length, repetition_type }: Leaf, isAsked: boolean): Leaf => ({
  ...{ name, type, type_length, repetition_type },
  ...(isAsked ? type !== 'INT96' && { converted_type: 'DATE' } : type === 'INT96' && { converted_type: 'INT_32' }),
});
