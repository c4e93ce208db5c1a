/**
 * A program that writes to DuckDB directly. For each of its files it opens the database (with
 * retries while another program has it), inserts, and closes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { contender } from '../program.js';

interface Task {
  database: string;
  files: string[];
}

async function insertOne(database: string, file: string): Promise<void> {
  const instance = await DuckDBInstance.create(database);
  let connection: DuckDBConnection | undefined;
  try {
    connection = await instance.connect();
    await connection.run(`INSERT INTO ticks SELECT * FROM read_parquet('${file}')`);
  } finally {
    connection?.closeSync();
    instance.closeSync();
  }
}

await contender<Task, { refusals: number; latenciesMs: number[] }>(async ({ database, files }) => async () => {
  let refusals = 0;
  const latenciesMs: number[] = [];
  for (const file of files) {
    const from = performance.now();
    for (let attempt = 0; ; attempt++) {
      try {
        await insertOne(database, file);
        break;
      } catch (error) {
        if (!/lock/i.test((error as Error).message)) throw error;
        refusals += 1;
        await sleep(Math.random() * Math.min(50, 2 ** attempt)); // exponential, with jitter
      }
    }
    latenciesMs.push(performance.now() - from);
  }
  return { refusals, latenciesMs };
});
