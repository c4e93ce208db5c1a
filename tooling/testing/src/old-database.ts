import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DuckDBInstance, type Json } from '@duckdb/node-api';

/** Runs statements in a database file, which is created if missing. */
export async function runIn(path: string, ...statements: string[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const sql of statements) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

/** Queries a database file. Returns values as lossless JSON, so that tests compare all digits. */
export async function askIn(path: string, sql: string): Promise<Record<string, Json>[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Recreates a database file. */
export async function makeDatabase(path: string, ...statements: string[]): Promise<void> {
  rmSync(path, { force: true });
  await runIn(path, ...statements);
}

/**
 * Tables of an ordinary research database: several schemas, views over them, indexes, constraints,
 * odd names, an empty table.
 */
export const researchDatabase = [
  'CREATE SCHEMA canon',
  'CREATE SCHEMA research',
  `CREATE TABLE canon.alerts_std AS SELECT range AS id, 'S' || (range % 7) AS symbol, TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * range AS ts,
     CASE WHEN range % 5 = 0 THEN NULL ELSE range / 3 END AS score FROM range(1000)`,
  `CREATE TABLE trades (id INTEGER PRIMARY KEY, price DECIMAL(18,4) NOT NULL, side VARCHAR DEFAULT 'buy', fee FLOAT, CHECK (price > 0))`,
  `INSERT INTO trades SELECT range, 10 + range / 8, CASE WHEN range % 2 = 0 THEN 'buy' ELSE 'sell' END, 0.1 FROM range(500)`,
  'CREATE INDEX trades_side ON trades(side)',
  'CREATE TABLE nothing (a INTEGER, b VARCHAR[])',
  'CREATE TABLE research."Odd ""Name"" 1" AS SELECT 1 AS "a b", 2 AS "select", \'x\' AS filename UNION ALL SELECT 3, NULL, NULL',
  'CREATE SEQUENCE numbers',
  'CREATE MACRO double_it(x) AS x * 2',
  "CREATE VIEW daily AS SELECT date_trunc('day', ts) AS day, count(*) AS n FROM canon.alerts_std GROUP BY ALL",
  'CREATE VIEW research.best (who, how_much) AS SELECT symbol, max(score) FROM canon.alerts_std GROUP BY symbol',
  'CREATE VIEW big_trades AS SELECT * FROM trades WHERE price > 50',
  'CREATE VIEW all_big AS SELECT max(price) AS price FROM big_trades',
  'CREATE VIEW doubled AS SELECT double_it(id) AS d FROM trades',
];
