import { setTimeout as sleep } from 'node:timers/promises';
import { waitAfter } from '@quantbot/infra/bus';
import { isDeadlock, type Postgres, type Queries } from '../postgres/postgres.js';

const backoff = { firstMs: 50, maxMs: 2000 };
const maxDeadlocks = 10;

/**
 * Drops the tables of the lake in PostgreSQL. Each fragment then counts as missing. A daemon that
 * publishes meanwhile fails, and begins a new lake. Readers of the old lake fail until they attach
 * again.
 */
export async function dropLake(postgres: Postgres): Promise<void> {
  for (let deadlocks = 1; ; deadlocks++) {
    try {
      return await postgres.transaction(drop);
    } catch (error) {
      // A session of DuckLake locks the same tables in another order: PostgreSQL ends one of both.
      if (!isDeadlock(error) || deadlocks === maxDeadlocks) throw error;
      await sleep(waitAfter(backoff, deadlocks));
    }
  }
}

async function drop(queries: Queries): Promise<void> {
  const tables = await queries.query<{ name: string }>(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
     WHERE schemaname = current_schema() AND tablename LIKE 'ducklake\\_%'`,
  );
  if (tables.length > 0) await queries.query(`DROP TABLE ${tables.map(({ name }) => name).join(', ')} CASCADE`);
  await queries.query('UPDATE bus.fragments SET object = NULL, rows = NULL WHERE object IS NOT NULL');
}
