import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api-with-extensions';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import type { World } from './world.js';

export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

const names = ['ducklake', 'postgres_scanner', 'httpfs'];

/** A reader of the lake, as any DuckDB is one. */
export class LakeReader {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async attach(world: World): Promise<LakeReader> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    const { folder } = duckdbExtensions() as { folder: string };
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const name of names) {
      const file = files.find(path => path.endsWith(`${name}.duckdb_extension`));
      await connection.run(`LOAD '${join(folder, file as string)}'`);
    }
    const { s3 } = world;
    if (s3 !== undefined)
      await connection.run(
        `CREATE SECRET (TYPE s3, KEY_ID '${s3.env.AWS_ACCESS_KEY_ID}', SECRET '${s3.env.AWS_SECRET_ACCESS_KEY}',
          ENDPOINT '127.0.0.1:${s3.port}', REGION 'us-east-1', URL_STYLE 'path', USE_SSL false)`,
      );
    await connection.run(`ATTACH 'ducklake:postgres:${world.readersUrl}' AS lake (READ_ONLY)`);
    await connection.run('USE lake');
    return new LakeReader(instance, connection);
  }

  query: Query = async sql =>
    (await this.#connection.runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[];

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}
