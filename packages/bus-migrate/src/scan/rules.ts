/** A rule of `quantbot-bus scan`: what it finds, the step of the migration guide, and advice. */
export interface Rule {
  /** The pattern that it finds. */
  what: string;
  /**
   * `producer`: step 2 (TypeScript), 3 (SimulationArtifactWriter) or 4 (Python). `reader`: step 5.
   */
  step: 'producer' | 'reader';
  /** What to do about it. */
  advice: string;
}

const toTheBus = 'Write the rows to a Parquet file of your own and submit it; the daemon is the only writer of DuckDB.';
const submitIt =
  'Submit the file after it is written: submitArtifact in TypeScript, submit_artifact or bus_submit.py in Python.';
const viewsInstead = 'Submit with a schema hint; the daemon creates canonical tables and their columns itself.';

/** Every rule by its id. docs/reference/scan.md has the same table. */
export const rules = {
  'duckdb-open': {
    what: 'A DuckDB file is opened for writing, which takes its lock.',
    step: 'producer',
    advice: toTheBus,
  },
  'duckdb-open-to-read': {
    what: 'A DuckDB file is opened for writing, though only queries run on it.',
    step: 'reader',
    advice: 'Open it read-only (read_only=True, readOnly: true, access_mode READ_ONLY), or read the golden export.',
  },
  'duckdb-insert': { what: '`INSERT` into a DuckDB database, also by `to_sql`.', step: 'producer', advice: toTheBus },
  'duckdb-update': {
    what: '`UPDATE` or `MERGE INTO` a DuckDB table.',
    step: 'producer',
    advice: 'Submit the new rows to a canonical table with mode upsert or latest; nothing is changed in place.',
  },
  'duckdb-delete': {
    what: '`DELETE FROM` or `TRUNCATE` of a DuckDB table.',
    step: 'producer',
    advice: 'Submit the rows to keep to a canonical table with mode latest or upsert; artifacts are write-once.',
  },
  'duckdb-create-table': {
    what: '`CREATE TABLE` in a DuckDB database, also `AS` a query.',
    step: 'producer',
    advice: viewsInstead,
  },
  'duckdb-schema': {
    what: 'Another change of the schema: `CREATE VIEW`, `CREATE INDEX`, `ALTER`, `DROP`, …',
    step: 'producer',
    advice: viewsInstead,
  },
  'duckdb-load': {
    what: '`COPY … FROM`, `COPY FROM DATABASE` or `IMPORT DATABASE` into a DuckDB database.',
    step: 'producer',
    advice: toTheBus,
  },
  'duckdb-attach': {
    what: '`ATTACH` of a DuckDB file without `READ_ONLY`.',
    step: 'reader',
    advice: "Attach it read-only: ATTACH 'file' (READ_ONLY).",
  },
  'duckdb-appender': { what: 'Rows are appended to a DuckDB table.', step: 'producer', advice: toTheBus },
  'duckdb-relation': {
    what: 'A DuckDB relation is written to a table: `insert_into`, `create`, `to_table`.',
    step: 'producer',
    advice: toTheBus,
  },
  'duckdb-export-database': {
    what: '`EXPORT DATABASE`.',
    step: 'producer',
    advice: 'Submit each table as an artifact of its own, or let the daemon write golden exports.',
  },
  'parquet-copy': { what: '`COPY … TO` a Parquet file.', step: 'producer', advice: submitIt },
  'parquet-dataframe': {
    what: 'A data frame or a relation is written as Parquet: `to_parquet`, `write_parquet`, `sink_parquet`, Spark.',
    step: 'producer',
    advice: submitIt,
  },
  'parquet-arrow': {
    what: 'pyarrow or fastparquet writes Parquet: `write_table`, `ParquetWriter`, `write_to_dataset`, `write_dataset`.',
    step: 'producer',
    advice: submitIt,
  },
  'parquet-javascript': {
    what: 'JavaScript writes Parquet: parquetjs, hyparquet-writer, `writeParquet` of @quantbot/storage, `writeSmallParquet`.',
    step: 'producer',
    advice: submitIt,
  },
} as const satisfies Record<string, Rule>;

/** The id of a rule. */
export type RuleId = keyof typeof rules;
