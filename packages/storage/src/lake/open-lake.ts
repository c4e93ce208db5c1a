import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, version } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import type { S3Access } from '@quantbot/infra/objects';
import { connect } from '../duckdb/memory-instance.js';
import { nextSpillPath } from '../duckdb/spill-folder.js';
import { storageError } from '../errors.js';
import { conninfoOf } from './conninfo.js';

/** How DuckDB reaches the lake of a cluster. */
export interface LakeAddress {
  /** URL of the database, in libpq's form. */
  postgres: string;
  /** The root of the bus's files: `s3://bucket/prefix` or an absolute path. */
  root: string;
  /** Settings and credentials for `s3://`. */
  s3?: S3Access | undefined;
  /** Folder with DuckDB's extensions. If absent, DuckDB downloads them. */
  extensions?: string | undefined;
}

/** Gives the address of a lake with valid credentials; with `renew`, with new ones. */
export type LakeAddresses = (renew?: boolean) => Promise<LakeAddress>;

/** A connection to a private in-memory database with the lake attached. */
export interface OpenLake {
  instance: DuckDBInstance;
  connection: DuckDBConnection;
  /** Takes the credentials of an address, if they are other ones. */
  renew(address: LakeAddress): Promise<void>;
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
    // A writer reads each file once, and would keep the bytes of all.
    ...(!readOnly && { enable_external_file_cache: 'false' }),
  });
  const connection = await connect(instance);
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    for (const name of extensionsFor(address)) await loadExtension(connection, name, address.extensions);
    for (const statement of settingsFor(address)) await connection.run(statement);
    await attach(connection, address, readOnly, as);
    let secret = address.s3 && secretOf(address.s3);
    const renew = async ({ s3 }: LakeAddress) => {
      const newer = s3 && secretOf(s3);
      if (newer === undefined || newer === secret) return;
      await connection.run(newer);
      secret = newer;
    };
    return { instance, connection, renew, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Statements that attach the lake read-only as `lake` in the database of another process. */
export const attachStatements = (address: LakeAddress): string[] => [
  ...extensionsFor(address).flatMap(name => loadStatements(name, address.extensions)),
  ...settingsFor(address),
  attachStatement(address, true, 'lake'),
];

const extensionsFor = ({ root }: LakeAddress): string[] => [
  'ducklake',
  'postgres_scanner',
  ...(root.startsWith('s3:') ? ['httpfs'] : []),
];

const settingsFor = ({ postgres, s3 }: LakeAddress): string[] => [
  ...passwordOf(postgres),
  // DuckLake retries a commit that conflicts with another one, and would then commit the same rows
  // twice. It recognises conflicts by English words.
  'SET ducklake_max_retry_count = 0',
  ...(s3 === undefined ? [] : [secretOf(s3)]),
];

/** A secret of this database in memory, which DuckDB shows to no query. */
function passwordOf(url: string): string[] {
  const { password } = conninfoOf(url, {});
  return password === undefined ? [] : [`CREATE SECRET (TYPE postgres, PASSWORD ${literal(password)})`];
}

function attachStatement(address: LakeAddress, readOnly: boolean, as: string): string {
  const options = readOnly ? 'READ_ONLY' : `DATA_PATH ${literal(`${address.root}/lake/`)}`;
  const { text } = conninfoOf(address.postgres, readOnly ? timeouts : { ...timeouts, ...publisherTimeouts });
  return `ATTACH ${literal(`ducklake:postgres:${text}`)} AS ${as} (${options})`;
}

async function attach(
  connection: DuckDBConnection,
  address: LakeAddress,
  readOnly: boolean,
  as: string,
): Promise<void> {
  try {
    await connection.run(attachStatement(address, readOnly, as));
  } catch (error) {
    throw storageError('LAKE_UNREACHABLE', `DuckLake cannot be attached: ${withoutSecrets(error, address.postgres)}`);
  }
}

/** Without these, libpq waits a quarter of an hour for a server that has vanished. */
const timeouts = {
  connect_timeout: '10',
  keepalives_idle: '10',
  keepalives_interval: '5',
  tcp_user_timeout: '30000',
};
/** Without this, PostgreSQL waits forever for a publisher that hangs in a transaction. */
const publisherTimeouts = { options: '-c idle_in_transaction_session_timeout=60s' };

/** DuckDB repeats the connection string in its messages. */
const withoutSecrets = (error: unknown, url: string): string =>
  (error as Error).message
    .replaceAll(url, 'cluster.postgres')
    .replace(/\b(password)=\S+|(:\/\/[^:/\s]*):[^@/\s]+@/gi, '$1$2:***@');

async function loadExtension(connection: DuckDBConnection, name: string, folder: string | undefined): Promise<void> {
  try {
    for (const statement of loadStatements(name, folder)) await connection.run(statement);
  } catch (error) {
    throw storageError(
      'EXTENSION_MISSING',
      `DuckDB ${version()} cannot load its extension ${name}: ${(error as Error).message}`,
    );
  }
}

const loadStatements = (name: string, folder: string | undefined): string[] =>
  folder === undefined ? [`INSTALL ${name}`, `LOAD ${name}`] : [`LOAD ${literal(fileOf(name, folder))}`];

/**
 * Returns the file of an extension below a folder; if there are several, that of this DuckDB
 * version.
 */
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
  return `CREATE OR REPLACE SECRET _bus (${settings.join(', ')})`;
}
