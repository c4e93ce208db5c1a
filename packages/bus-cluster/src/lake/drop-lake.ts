import type { Postgres } from '../postgres/postgres.js';

/**
 * Throws the lake away: its tables in PostgreSQL go, and each fragment counts as missing. A daemon
 * that publishes meanwhile fails, and begins a new lake. Readers of the old one fail until they
 * attach again.
 */
export async function dropLake(postgres: Postgres): Promise<void> {
  await postgres.transaction(async queries => {
    const tables = await queries.query<{ name: string }>(
      `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
       WHERE schemaname = current_schema() AND tablename LIKE 'ducklake\\_%'`,
    );
    if (tables.length > 0) await queries.query(`DROP TABLE ${tables.map(({ name }) => name).join(', ')} CASCADE`);
    await queries.query('UPDATE bus.fragments SET object = NULL, rows = NULL WHERE object IS NOT NULL');
  });
}
