import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { query } from '@quantbot/bus-format/duckdb';
import { openObjects } from '@quantbot/infra/objects';
import { openLake } from '@quantbot/storage/lake';
import { startPostgres } from '@quantbot/tooling-servers/postgres';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { eraseRows } from './erase.js';
import { mergeTables } from './merge.js';
import { inTransaction } from './transaction.js';
import { addFiles, writeFile } from './write-file.js';

const extensions = duckdbExtensions();

test.skipIf('missing' in extensions)(
  'zeros keep their sign when files are written, merged, or lose rows, and nothing is made of a damaged one',
  async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const root = temporaryFolder();
    mkdirSync(join(root, 'lake'));
    const place = { root, objects: await openObjects(`file://${root}`), workFolder: root };
    const { folder } = extensions as { folder: string };
    const lake = await openLake(
      { postgres: await server.newDatabase(), root, extensions: folder },
      { readOnly: false },
    );
    onTestFinished(() => lake.close());
    const { connection } = lake;
    await connection.run('USE lake; CREATE SCHEMA _files');
    await connection.run(
      `CREATE TABLE _files.t (z DOUBLE, l DOUBLE[], _seq BIGINT, _ordinal BIGINT, _row BIGINT, _artifact_key VARCHAR);
     CALL lake.set_option('data_inlining_row_limit', 0, schema => '_files')`,
    );
    const add = async (seq: number) => {
      const z = "CASE WHEN range % 2 = 0 THEN 0.0 ELSE '-0.0'::DOUBLE END AS z";
      const origin = `${seq}::BIGINT AS _seq, 0::BIGINT AS _ordinal, range AS _row, 'key-${seq}' AS _artifact_key`;
      const sql = `SELECT ${z}, [z] AS l, ${origin} FROM range(1000)`;
      let path = '';
      await inTransaction(lake, async () => {
        path = await writeFile(lake, 't', { place, name: 'x', sql });
        await addFiles(lake, 't', [path]);
      });
      return path;
    };
    const negative = async () => {
      const sql = "SELECT count(*)::INTEGER AS n FROM _files.t WHERE signbit(z) AND l::VARCHAR = '[-0.0]'";
      return (await query(connection, sql))[0]?.n;
    };
    await add(1);
    await add(2);
    expect(await negative()).toBe(1000);
    expect(await mergeTables(lake, place, 1)).toBe(true);
    expect(readdirSync(join(root, 'lake', 't'))).toContainEqual(expect.stringMatching(/^merged-1-2~/));
    expect(await negative()).toBe(1000);
    await inTransaction(lake, () => eraseRows(lake, 't', { place, keys: ['key-1'], seqs: [1] }));
    expect(await negative()).toBe(500);

    // From here on, a file is damaged.
    const [file = ''] = readdirSync(join(root, 'lake', 't')).filter(name => name.startsWith('erased-'));
    const path = join(root, 'lake', 't', file);
    const bytes = readFileSync(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const third = await add(3);
    const damaged = expect.objectContaining({ code: 'FILE_DAMAGED', message: expect.stringContaining(file) });
    await expect(mergeTables(lake, place, 1)).rejects.toEqual(damaged);
    const erasing = inTransaction(lake, () => eraseRows(lake, 't', { place, keys: ['key-2'], seqs: [2] }));
    // All rows of the file leave, so nothing is made of it.
    await expect(erasing).resolves.toBeUndefined();
    expect(await negative()).toBe(500);

    // From here on, a file lies in the place of another one.
    const fourth = await add(4);
    rmSync(fourth);
    copyFileSync(third, fourth);
    await expect(mergeTables(lake, place, 1)).rejects.toMatchObject({
      code: 'FILE_DAMAGED',
      message: expect.stringContaining(fourth.slice(root.length + 1)),
    });
  },
);
