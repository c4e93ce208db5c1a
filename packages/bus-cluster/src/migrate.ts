import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { daemonError } from '@quantbot/bus-format';
import type { Postgres, Queries } from './postgres/postgres.js';

/** The lock that migrations hold, so that they never run twice at once. Any constant works. */
const migrationLock = 7_171_001;

const folder = new URL('../sql/', import.meta.url);

interface Migration {
  version: number;
  name: string;
  sql: string;
}

/** The numbered SQL files, in order. Read them together: an update may replace them meanwhile. */
const migrations = readMigrations();

function readMigrations(): Migration[] {
  return readdirSync(fileURLToPath(folder))
    .filter(name => name.endsWith('.sql'))
    .sort()
    .map(name => ({ version: Number(name.slice(0, 3)), name, sql: readFileSync(new URL(name, folder), 'utf8') }));
}

/**
 * Brings the schema `bus` to the version of this program, or creates it. Each migration is one
 * transaction under a lock.
 *
 * @returns the names of the migrations that ran.
 * @throws DaemonError `CLUSTER_NEWER` if a newer program has migrated it.
 */
export async function migrate(postgres: Postgres): Promise<string[]> {
  return postgres.transaction(async queries => {
    await queries.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
    await queries.query('CREATE SCHEMA IF NOT EXISTS bus');
    await queries.query(
      'CREATE TABLE IF NOT EXISTS bus.migrations (version integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())',
    );
    const version = await versionOf(queries);
    mustNotBeNewer(version);
    if (version > 0) await queries.query('SELECT seq FROM bus.head FOR UPDATE'); // wait for commits in flight
    const missing = migrations.slice(version);
    for (const { version: number, name, sql } of missing) {
      await queries.query(sql);
      await queries.query('INSERT INTO bus.migrations (version, name) VALUES ($1, $2)', [number, name]);
    }
    await queries.query('INSERT INTO bus.head (bus_id) VALUES ($1) ON CONFLICT DO NOTHING', [randomUUID()]);
    return missing.map(({ name }) => name);
  });
}

/**
 * Checks that the schema is the one that this program knows.
 *
 * @throws DaemonError `CLUSTER_NEWER`, `CLUSTER_OLDER`.
 */
export async function mustBeCurrent(queries: Queries): Promise<void> {
  const [{ exists } = { exists: false }] = await queries.query<{ exists: boolean }>(
    `SELECT to_regclass('bus.migrations') IS NOT NULL AS exists`,
  );
  mustBeOwn(exists ? await versionOf(queries) : 0);
}

/** @throws DaemonError `CLUSTER_NEWER`, `CLUSTER_OLDER`. */
export function mustBeOwn(version: number): void {
  mustNotBeNewer(version);
  if (version < migrations.length)
    throw daemonError(
      'CLUSTER_OLDER',
      `The schema bus has version ${version}; this program needs version ${migrations.length}.`,
    );
}

/** Asks for the version of the schema. */
export const versionQuery = 'SELECT max(version) AS version FROM bus.migrations';

async function versionOf(queries: Queries): Promise<number> {
  const [row] = await queries.query<{ version: number | null }>(versionQuery);
  return row?.version ?? 0;
}

function mustNotBeNewer(version: number): void {
  if (version > migrations.length)
    throw daemonError(
      'CLUSTER_NEWER',
      `The schema bus has version ${version}; this program knows versions up to ${migrations.length}.`,
    );
}
