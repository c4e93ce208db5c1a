import type { RefusedValues } from '@quantbot/duckdb-process';
import type { ParquetColumn, ParquetFooter } from '@quantbot/infra';
import type { SchemaMeaning } from '@quantbot/infra/bus';

/** A schema that files for canonical tables share. */
export interface FileSchema extends SchemaMeaning {
  id: string;
  /** The columns in the footer, by our own reader. */
  footerColumns: readonly ParquetColumn[];
  /** The columns that DuckDB reads, which the table gets. Undefined until DuckDB was asked. */
  columns?: readonly ParquetColumn[];
  /** Values that a table cannot keep. Known together with `columns`. */
  refused?: readonly RefusedValues[];
}

const maxKnown = 1_000;
/** Recent schemas, newest last. They are valid for every bus. */
const known = new Map<string, FileSchema>();

/** Returns the schema of a file. Files with equal schemas share one object. */
export function fileSchemaOf(footer: ParquetFooter): FileSchema {
  const schema = known.get(footer.schemaId) ?? {
    id: footer.schemaId,
    footerColumns: footer.columns,
    ...footer.meaning,
  };
  known.delete(footer.schemaId);
  known.set(footer.schemaId, schema);
  const [oldest] = known.keys();
  if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
  return schema;
}
