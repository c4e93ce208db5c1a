/** Facts about libraries by name. Qualified names have the form `module.name.name`. */

/** Modules of other databases. */
const foreign =
  /^(?:sqlite3|aiosqlite|psycopg2?|psycopg_pool|asyncpg|pg8000|pymysql|aiomysql|MySQLdb|mysql|oracledb|cx_Oracle|pyodbc|sqlalchemy|sqlmodel|flask_sqlalchemy|alembic|django|peewee|databases|clickhouse_connect|clickhouse_driver|snowflake|redshift_connector|trino|databricks|pyspark|chdb|tortoise|google\.cloud|pg|pg-promise|pg-pool|postgres|@neondatabase\/.*|@vercel\/postgres|mysql2?|better-sqlite3|sqlite|node:sqlite|bun:sqlite|sql\.js|@libsql\/.*|libsql|knex|kysely|drizzle-orm|typeorm|sequelize|@prisma\/client|@clickhouse\/.*|snowflake-sdk|mssql|tedious|oracledb)(?:[./].*)?$/;

/** Returns whether a module belongs to another database. */
export const isForeign = (qualified: string): boolean => foreign.test(qualified) && !mentionsDuckDb(qualified);

/** Returns whether a name mentions DuckDB. */
export const mentionsDuckDb = (name: string): boolean => /duck_?db/i.test(name) && !isBrowsers(name);

/** Returns whether a name means DuckDB in the browser, which has no file to share. */
const isBrowsers = (name: string): boolean => /duckdb-wasm/i.test(name);

/** Returns whether a name mentions another database. */
export const mentionsOther = (name: string): boolean =>
  /sqlite|postgres|psql|mysql|mariadb|clickhouse|snowflake|redshift|bigquery|prisma|knex|spark|(?:^|[._])pg(?:$|[._A-Z])/i.test(
    name,
  );

/** Functions that open a DuckDB database. Their first argument is `path`. */
const openers: readonly RegExp[] = [
  /(?:^|\.)duckdb\.connect$/,
  /^@duckdb\/node-api(?:\.default)?\.DuckDBInstance\.(?:create|fromCache)$/,
  /^duckdb(?:\.default|\.cached)?\.Database$/,
  /^duckdb-async(?:\.default)?\.(?:duckdb\.)?Database(?:\.create)?$/,
  /(?:^|\.)DuckDB(?:Client|Database)(?:\.(?:create|open|connect))?$/i,
  /(?:^|\.)open_?DuckDb$/i,
];

/** Returns whether a call of this name opens a DuckDB database. */
export const isOpener = (qualified: string): boolean => openers.some(opener => opener.test(qualified));

/** Returns whether a function opens only for reading, whatever its arguments. */
export const readsOnly = (qualified: string): boolean => qualified.startsWith('@quantbot/storage.');

/** Returns whether a method of a connection returns a connection. */
export const keepsConnection = (method: string): boolean =>
  /^(?:cursor|connect|duplicate|__enter__|acquire|getConnection|begin)$/.test(method);

/** Returns whether a method or function takes SQL. */
export const takesSql = (method: string): boolean =>
  /^(?:sql|query|execute|executemany|execute_many|executescript|exec|run|all|get|each|prepare|raw|unsafe|stream|%sql)$/.test(
    method,
  ) ||
  /^_*(?:run|stream|execute|query|exec|fetch|read|extract)(?:_|[A-Z])\w*$/.test(method) ||
  /^\$(?:query|execute)Raw(?:Unsafe)?$/.test(method);

/**
 * Returns whether a function returns the text of its first argument: `text("…")`, `dedent("…")`,
 * `"…".format(…)`.
 */
export const returnsText = (name: string): boolean =>
  /^(?:text|dedent|cleandoc|sql|raw|format|strip|lstrip|rstrip|trim|trimStart|trimEnd|SQL|Template|substitute|format_map|toString|String)$/.test(
    name,
  );

/** Functions and classes of other libraries that write Parquet. */
export const parquetWriters: readonly (readonly [RegExp, 'parquet-arrow' | 'parquet-javascript'])[] = [
  [/(?:^|\.)(?:pyarrow|pa)\.parquet(?:\.core)?\.(?:write_table|write_to_dataset|ParquetWriter)$/, 'parquet-arrow'],
  // If another function loaded the module, only the name is known.
  [/^(?:pq|parquet)\.(?:write_table|write_to_dataset)$/, 'parquet-arrow'],
  [/^fastparquet(?:\.writer)?\.write$/, 'parquet-arrow'],
  [
    /^(?:@[\w-]+\/)?parquets?(?:js)?(?:-lite)?(?:\.default)?\.ParquetWriter\.open(?:File|Stream)$/,
    'parquet-javascript',
  ],
  [/^hyparquet-writer\.(?:parquetWriteFile|parquetWrite|ParquetWriter)$/, 'parquet-javascript'],
  [/^@quantbot\/storage\.writeParquet$/, 'parquet-javascript'],
  [/^@quantbot\/infra(?:\/utils)?\.writeSmallParquet$/, 'parquet-javascript'],
];

/** Returns whether a function submits to the bus. */
export const submits = (qualified: string): boolean =>
  /(?:^|\.)(?:submitArtifacts?|submitOrKeep|submit_artifacts?|submit_or_keep)$/.test(qualified);
