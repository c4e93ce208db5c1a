import type { RefusedValues } from '@quantbot/duckdb-process';
import type { ParquetColumn, ParquetFooter, SchemaMeaning } from '@quantbot/infra';

/** The schema that any number of files for canonical tables share. */
export interface FileSchema extends SchemaMeaning {
  id: string;
  /** The columns as our own reader finds them in a footer. */
  footerColumns: readonly ParquetColumn[];
  /** The columns as DuckDB reads them, which are a table's; undefined until DuckDB was asked. */
  columns?: readonly ParquetColumn[];
  /** Values that a table could not keep; known together with `columns`. */
  refused?: readonly RefusedValues[];
}

const mostKnown = 1_000;
/**
 * The schemas of the files that came last, newest last. They mean the same whichever bus a file
 * comes to.
 */
const known = new Map<string, FileSchema>();

/** The schema of a file; the very same object for files that have the same one. */
export function fileSchemaOf(footer: ParquetFooter): FileSchema {
  const schema = known.get(footer.schemaId) ?? {
    id: footer.schemaId,
    footerColumns: footer.columns,
    ...footer.meaning,
  };
  known.delete(footer.schemaId);
  known.set(footer.schemaId, schema);
  const [oldest] = known.keys();
  if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
  return schema;
}
