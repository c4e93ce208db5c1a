import { chmodSync, copyFileSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { assertOurs } from '@quantbot/bus-format/views';
import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Publisher } from './publisher.js';

async function runIn(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const sql of statements) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

async function published() {
  const { bus } = await openInProcess();
  const publisher = new Publisher(bus);
  await publisher.publishOrThrow();
  return { bus, publisher, path: bus.config.duckdbPath };
}

test('a database that this bus published may be replaced, and so may none at all', async () => {
  const { bus, path } = await published();
  await assertOurs(bus);
  rmSync(path);
  await assertOurs(bus);
});

test('a copy of a published database that came back from a backup is recognised by what is in it', async () => {
  const { bus, path, publisher } = await published();
  copyFileSync(path, `${path}.backup`);
  rmSync(path);
  renameSync(`${path}.backup`, path);
  await assertOurs(bus);
  await publisher.publishOrThrow();
});

test.each(['a database of somebody else', 'a file that is no database', 'a database that somebody wrote into'])(
  '%s is never replaced',
  async what => {
    const { path, publisher } = await published();
    if (what === 'a database that somebody wrote into') {
      chmodSync(path, 0o644);
      await runIn(path, 'CREATE TABLE notes AS SELECT 1 AS n');
    } else rmSync(path);
    if (what === 'a database of somebody else') await runIn(path, 'CREATE TABLE alerts AS SELECT 42 AS n');
    if (what === 'a file that is no database') writeFileSync(path, 'my notes');
    const before = readFileSync(path);
    await expect(publisher.publishOrThrow()).rejects.toMatchObject({
      code: 'FOREIGN_DATABASE',
      hint: expect.stringContaining('mv '),
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  },
);

test('the database of another bus is not ours', async () => {
  const [one, other] = [await published(), await published()];
  rmSync(one.path);
  linkSync(other.path, one.path);
  await expect(assertOurs(one.bus)).rejects.toMatchObject({ code: 'FOREIGN_DATABASE' });
});

test('a write-ahead log beside it is somebody else’s work, and is neither replaced nor deleted', async () => {
  const { bus, path, publisher } = await published();
  writeFileSync(`${path}.wal`, 'log');
  await expect(publisher.publishOrThrow()).rejects.toMatchObject({ code: 'FOREIGN_DATABASE' });
  expect(readFileSync(`${path}.wal`, 'utf8')).toBe('log');
  rmSync(`${path}.wal`);
  await assertOurs(bus);
});
