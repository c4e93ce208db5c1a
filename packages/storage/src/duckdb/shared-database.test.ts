import { spawnSync } from 'node:child_process';
import { linkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { openDuckDb } from '../open-duckdb.js';

test('closing one of two handles, by whatever link, does not give up the lock of the other', async () => {
  const path = join(temporaryFolder(), 'x.duckdb');
  await runIn(path, 'CREATE TABLE t AS SELECT 1 AS a');
  linkSync(path, `${path}.link`);
  const kept = await openDuckDb(path);
  await (await openDuckDb(`${path}.link`)).close();
  await (await openDuckDb(path)).close();
  expect(writerIn(path)).toBe('refused');
  await kept.close();
  expect(writerIn(path)).toBe('opened');
});

/** Returns the result of another process that opens the database for writing. */
function writerIn(path: string): string {
  const script = `import { DuckDBInstance } from '@duckdb/node-api';
    await DuckDBInstance.create(process.argv[1]).then(() => console.log('opened'), () => console.log('refused'));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' }).stdout.trim();
}
