import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { hashOf, hashSql, KnownKeys } from './known-keys.js';

test('a key has the same hash here and in SQL, so that keys read from the journal are found', async () => {
  const keys = Array.from({ length: 5000 }, (_, i) => `run-${i}/producer.${i % 7}/kind/artifact_${i}`);
  const { connection, close } = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  const rows = await query<{ hashed: number }>(
    connection,
    `SELECT ${hashSql('key')} AS hashed FROM (SELECT unnest([${keys.map(key => `'${key}'`).join()}]) AS key)`,
  );
  close();
  expect(rows.map(({ hashed }) => hashed)).toEqual(keys.map(hashOf));
  const known = new KnownKeys();
  for (const { hashed } of rows) known.add(hashed);
  for (const { hashed } of rows) known.add(hashed); // a second time changes nothing
  expect(keys.every(key => known.has(key))).toBe(true);
  expect(keys.some(key => known.has(`${key}x`))).toBe(false);
});
