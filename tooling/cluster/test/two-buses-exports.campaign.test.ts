import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalog, openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { afterAll, expect, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const sql = 'SELECT count(*) AS n FROM canon.other';
const ticks = { layout: 'dataset', part_rows: 4 };
const settings = (tables: object) => ({
  export: { min_interval_s: 0, max_share: 1, tables, jobs: [{ name: 'counted', sql }] },
  compaction: { release_grace_s: 0 },
});

interface Exported {
  name: string;
  ok: boolean;
  path: string;
  rows: number;
  bytes: number;
  sha256: string | null;
  files: number;
  as_of_seq: number;
  error: string | null;
}

const submit = async (world: World, jobId: string, select: string, table = 'ticks') =>
  (await world.submit({ jobId, runId: jobId, select, schemaHint: `canon.${table}` })).settled();

describeBothWorlds(
  settings({ ticks }),
  async world => {
    await submit(world, 'other', 'SELECT 1 AS y', 'other');
    await submit(world, 'one', 'SELECT range AS x FROM range(3)');
  },
  world => {
    let catalog: Catalog | undefined;
    afterAll(() => catalog?.close());

    /** Returns a row of `catalog.exports_d`, once the export contains everything up to a job. */
    async function exported(name: string, seq: number): Promise<Exported> {
      catalog ??= await openCatalog({ config: world().config });
      const look = () => catalog?.query(`FROM catalog.exports_d WHERE name = '${name}'`) as Promise<unknown[]>;
      const [found] = await eventually(look as () => Promise<Exported[]>, ([entry]) => (entry?.as_of_seq ?? 0) >= seq);
      return found as Exported;
    }
    const datasetAt = (path: string) =>
      JSON.parse(readFileSync(join(realpathSync(path), '../_dataset.json'), 'utf8')) as {
        files: { path: string; rows: number; sha256: string }[];
      };
    const xsAt = async (path: string) => (await readParquet(path)).map(({ x }) => x).sort();

    test('the catalog says what each golden export has', async () => {
      expect(await exported('counted', 1)).toMatchObject({ ok: true, rows: 1, files: 1, error: null });
      const { sha256, path } = await exported('other', 1);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(await readParquet(path)).toMatchObject([{ y: 1, _seq: 1 }]);
      const shown = await world().done('query', "SELECT path FROM catalog.exports_d WHERE name = 'other'", '--json');
      expect(JSON.parse(shown)).toEqual([{ path }]);
    });

    test('a dataset grows in its newest file, and then in a new one', async () => {
      const first = await exported('ticks', 2);
      expect(first).toMatchObject({ rows: 3, files: 1, sha256: null });
      const [part] = datasetAt(first.path).files;
      await submit(world(), 'two', 'SELECT 3 + range AS x FROM range(3)');
      const second = await exported('ticks', 3);
      expect(second).toMatchObject({ path: first.path, rows: 6, files: 1 });
      expect(datasetAt(first.path).files).toMatchObject([{ path: part?.path, rows: 6 }]);
      await submit(world(), 'three', 'SELECT 6 AS x');
      expect(await exported('ticks', 4)).toMatchObject({ path: first.path, rows: 7, files: 2 });
      expect(await xsAt(first.path)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    });

    test('a dataset gets a new folder for a new column, and the old one goes', async () => {
      const { path } = await exported('ticks', 4);
      const folder = realpathSync(path);
      await submit(world(), 'four', "SELECT 7 AS x, 'b' AS note");
      const after = await exported('ticks', 5);
      expect(after).toMatchObject({ rows: 8, files: 1 });
      expect(realpathSync(after.path)).not.toBe(folder);
      expect(await xsAt(after.path)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      await submit(world(), 'five', "SELECT 8 AS x, 'b' AS note");
      await exported('ticks', 6);
      await eventually(
        () => readParquet(folder).catch(error => error.code),
        found => found === 'FILE_NOT_FOUND',
      );
      expect(await xsAt((await exported('ticks', 6)).path)).toHaveLength(9);
    });

    test('a SELECT is not run again for tables that it does not read', async () => {
      expect((await exported('counted', 1)).as_of_seq).toBeLessThan(3);
      await submit(world(), 'other-2', 'SELECT 2 AS y', 'other');
      const after = await exported('counted', 7);
      expect(await readParquet(after.path)).toEqual([{ n: 2 }]);
      expect(JSON.parse(await world().done('export', 'counted', '--json'))).toMatchObject({
        counted: { as_of_seq: 7 },
      });
    });

    test('a dataset has the folders of its partitions', async () => {
      await world().restart(settings({ ticks: { ...ticks, partition_by: ['note'] } }));
      const { path } = await eventually(
        () => exported('ticks', 6),
        found => datasetAt(found.path).files.every(file => file.path.startsWith('note')),
      );
      const folders = datasetAt(path).files.map(file => file.path.replace(/\/part-.*/, ''));
      expect(folders.sort()).toEqual(['note', 'note-b']);
      const rows = await readParquet(path);
      expect(
        rows
          .filter(({ note }) => note === 'b')
          .map(({ x }) => x)
          .sort(),
      ).toEqual([7, 8]);
    });
  },
  ['campaign'],
);
