// Reads URLs with DuckDB. Arguments: the folder with its extensions from PyPI, and SQL.
import { DuckDBInstance } from '@duckdb/node-api';

const [folder, sql] = process.argv.slice(2);
const database = await DuckDBInstance.create(':memory:', { allow_unsigned_extensions: 'true' });
const connection = await database.connect();
await connection.run(`LOAD '${folder}/duckdb_extension_httpfs/extensions/v1.5.5/httpfs.duckdb_extension'`);
if (process.env.BUS_TOKEN !== undefined)
  await connection.run(`CREATE SECRET (TYPE http, BEARER_TOKEN '${process.env.BUS_TOKEN}')`);
console.log(JSON.stringify((await connection.runAndReadAll(sql)).getRowsJson()));
