import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, version } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import type { S3Access } from '@quantbot/infra/objects';
import { connect } from '../duckdb/memory-instance.js';
import { nextSpillPath } from '../duckdb/spill-folder.js';
import { storageError } from '../errors.js';

/** How DuckDB reaches the lake of a cluster. */
export interface LakeAddress {
  /** URL of the database, as libpq takes it. */
  postgres: string;
  /** Where the files of the bus are: `s3://bucket/prefix` or an absolute path. */
  root: string;
  /** Settings and credentials for `s3://`. */
  s3?: S3Access | undefined;
  /** Folder with DuckDB's extensions; DuckDB installs them if absent. */
  extensions?: string | undefined;
}

/** A connection of its own database in memory, to which the lake is attached. */
export interface OpenLake {
  instance: DuckDBInstance;
  connection: DuckDBConnection;
  close(): void;
}

/**
 * Attaches the lake of a cluster to a new database in memory.
 *
 * @param options.as the name of the attached database.
 * @param options.memoryMb DuckDB's memory limit.
 * @throws StorageError `LAKE_UNREACHABLE`, `EXTENSION_MISSING`.
 */
export async function openLake(
  address: LakeAddress,
  { readOnly, as = 'lake', memoryMb, threads }: { readOnly: boolean; as?: string; memoryMb?: number; threads?: number },
): Promise<OpenLake> {
  const isOffline = address.extensions !== undefined;
  const instance = await DuckDBInstance.create(':memory:', {
    ...(memoryMb !== undefined && { memory_limit: `${memoryMb}MB` }),
    ...(threads !== undefined && { threads: String(threads) }),
    ...(isOffline && { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' }),
    temp_directory: nextSpillPath(),
  });
  const connection = await connect(instance);
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    const names = ['ducklake', 'postgres_scanner', ...(address.root.startsWith('s3:') ? ['httpfs'] : [])];
    for (const name of names) await loadExtension(connection, name, address.extensions);
    // DuckLake repeats a commit that met another one, and would then commit what the other has
    // committed. It recognises these conflicts by English words.
    await connection.run('SET ducklake_max_retry_count = 0');
    if (address.s3 !== undefined) await connection.run(secretOf(address.s3));
    await attach(connection, address, readOnly, as);
    return { instance, connection, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function attach(
  connection: DuckDBConnection,
  address: LakeAddress,
  readOnly: boolean,
  as: string,
): Promise<void> {
  const options = readOnly ? 'READ_ONLY' : `DATA_PATH ${literal(`${address.root}/lake/`)}`;
  try {
    const url = withTimeouts(address.postgres, readOnly ? timeouts : { ...timeouts, ...publisherTimeouts });
    await connection.run(`ATTACH ${literal(`ducklake:postgres:${url}`)} AS ${as} (${options})`);
  } catch (error) {
    throw storageError('LAKE_UNREACHABLE', `DuckLake cannot be attached: ${withoutSecrets(error, address.postgres)}`);
  }
}

/** libpq would wait a quarter of an hour for a server that has vanished. */
const timeouts = {
  connect_timeout: '10',
  keepalives_idle: '10',
  keepalives_interval: '5',
  tcp_user_timeout: '30000',
};
/** PostgreSQL would wait for ever for a publisher that is frozen in a transaction. */
const publisherTimeouts = { options: '-c%20idle_in_transaction_session_timeout%3D60s' };

/** What the URL says itself comes first. */
function withTimeouts(url: string, settings: Record<string, string>): string {
  const missing = Object.entries(settings).filter(([name]) => !new RegExp(`[?&]${name}=`).test(url));
  return `${url}${url.includes('?') ? '&' : '?'}${missing.map(([name, value]) => `${name}=${value}`).join('&')}`;
}

/** DuckDB repeats the connection string in its messages. */
const withoutSecrets = (error: unknown, url: string): string =>
  (error as Error).message
    .replaceAll(url, 'cluster.postgres')
    .replace(/\b(password)=\S+|(:\/\/[^:/\s]*):[^@/\s]+@/gi, '$1$2:***@');

async function loadExtension(connection: DuckDBConnection, name: string, folder: string | undefined): Promise<void> {
  try {
    if (folder === undefined) await connection.run(`INSTALL ${name}`);
    await connection.run(`LOAD ${folder === undefined ? name : literal(fileOf(name, folder))}`);
  } catch (error) {
    throw storageError(
      'EXTENSION_MISSING',
      `DuckDB ${version()} cannot load its extension ${name}: ${(error as Error).message}`,
    );
  }
}

/** The file of an extension below a folder: of this version of DuckDB if there are several. */
function fileOf(name: string, folder: string): string {
  const file = `${name}.duckdb_extension`;
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith(file));
  const path = found.find(path => path.includes(version())) ?? found[0];
  if (path === undefined) throw new Error(`there is no ${file} below ${folder} (cluster.extensions)`);
  return join(folder, path);
}

function secretOf({ keyId, secret, sessionToken, endpoint, region, pathStyle, ssl }: S3Access): string {
  const settings = [
    'TYPE s3',
    `KEY_ID ${literal(keyId)}`,
    `SECRET ${literal(secret)}`,
    ...(sessionToken === undefined ? [] : [`SESSION_TOKEN ${literal(sessionToken)}`]),
    `ENDPOINT ${literal(endpoint)}`,
    `REGION ${literal(region)}`,
    `URL_STYLE ${literal(pathStyle ? 'path' : 'vhost')}`,
    `USE_SSL ${ssl}`,
  ];
  return `CREATE SECRET _bus (${settings.join(', ')})`;
}
