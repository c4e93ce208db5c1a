import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { makeDatabase, researchDatabase } from '@quantbot/tooling-testing/old-database';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { quantbotBus } from './daemon-process.js';

export interface Report {
  applied: boolean;
  tables: { schema: string; table: string; canon: string; rows: number; notes: string[] }[];
  taken: string[];
  views: { name: string; sql: string; problem: string | null }[];
  lost: { kind: string; name: string; definition: string }[];
  conflicts: string[];
  jobs: string[];
  backup: string | null;
}

/** Creates a bus with an old database at its `duckdb_path`. */
export async function oldDatabase(statements: readonly string[] = researchDatabase, settings = {}): Promise<TestBus> {
  const bus = makeTestBus(settings);
  await makeDatabase(bus.config.duckdbPath, ...statements);
  return bus;
}

export async function adopt(bus: TestBus, ...args: string[]): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'adopt', bus.config.duckdbPath, '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as Report) };
}

export const fail = async (bus: TestBus, ...args: string[]) => {
  const { code, stderr } = await quantbotBus(bus, 'adopt', bus.config.duckdbPath, ...args);
  return { code, stderr };
};

export const parquet = (path: string): string => `read_parquet('${path}')`;
export const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
export const backupsOf = (bus: TestBus): string[] =>
  readdirSync(join(bus.folder, 'data')).filter(name => name.startsWith('alerts.duckdb.before-bus-'));

/**
 * Runs a program that is killed right after a write, so that the rows are only in the write-ahead
 * log.
 */
export async function killedWriter(path: string, sql: string): Promise<void> {
  const child = startChild(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
      const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve('@duckdb/node-api'))});
      const connection = await (await DuckDBInstance.create(${JSON.stringify(path)})).connect();
      await connection.run(${JSON.stringify(sql)});
      process.kill(process.pid, 'SIGKILL');`,
    ],
    process.cwd(),
  );
  await child.ended;
  expect(existsSync(`${path}.wal`)).toBe(true);
}
