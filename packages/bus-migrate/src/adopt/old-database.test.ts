import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDatabase, runIn } from '@quantbot/tooling-testing/old-database';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { selectOfView } from './objects.js';
import { assertUnchanged, identityOf } from './old-database.js';

async function database() {
  const folder = temporaryFolder();
  const path = join(folder, 'old.duckdb');
  await makeDatabase(path, 'CREATE TABLE t AS SELECT 1 AS a');
  return { path, limits: { memoryMb: 64, tempFolder: join(folder, 'spill') } };
}

test('a database that was written into, replaced, or has a log beside it is not the one that was looked at', async () => {
  const { path, limits } = await database();
  const identity = await identityOf(path);
  await assertUnchanged(path, identity, limits);
  writeFileSync(`${path}.wal`, 'log');
  await expect(assertUnchanged(path, identity, limits)).rejects.toMatchObject({ code: 'OLD_DATABASE_UNMERGED' });
  renameSync(`${path}.wal`, `${path}.elsewhere`);
  await runIn(path, 'INSERT INTO t VALUES (2)', 'CHECKPOINT');
  await expect(assertUnchanged(path, identity, limits)).rejects.toMatchObject({ code: 'ADOPTION_CHANGED' });
});

test.each([
  ['CREATE VIEW v AS SELECT 1 AS a;', 'SELECT 1 AS a'],
  ['CREATE VIEW canon.w (aa) AS SELECT i FROM canon.a;', 'SELECT * FROM (SELECT i FROM canon.a) AS old_view(aa)'],
  [
    'CREATE VIEW "a "" AS SELECT"."x (y)" ("b )", c) AS SELECT 1, 2;',
    'SELECT * FROM (SELECT 1, 2) AS old_view("b )", c)',
  ],
])('the SELECT of %s is found', (create, select) => {
  expect(selectOfView(create)).toBe(select);
});
