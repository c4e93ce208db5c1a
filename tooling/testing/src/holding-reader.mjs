// Opens a database read-only and keeps it open; answers each line of standard input (SQL as JSON)
// with a line of JSON.
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const instance = await DuckDBInstance.create(process.argv[2], { access_mode: 'READ_ONLY', threads: '1' });
const connection = await instance.connect();
console.log('open');
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const reader = await connection.runAndReadAll(JSON.parse(line));
    console.log(JSON.stringify({ rows: reader.getRowObjectsJson() }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
connection.closeSync();
instance.closeSync();
