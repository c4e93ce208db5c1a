// @module-tag campaign
import { openCatalog, readParquet, readParquetColumns, scanParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test, vi } from 'vitest';
import { describeClusters } from './support/cluster.js';

describeClusters(
  'reading stored artifacts',
  (newCluster, kind) => {
    test('a stored artifact is read by the path that the catalog and the receipt give', async () => {
      const bus = await newCluster();
      const submitted = await bus.submit('job-7', 7);
      await bus.done('start', '--drain');
      const catalog = await openCatalog({ config: bus.config });
      onTestFinished(() => catalog.close());
      const { path = '' } = (await catalog.latest({ producer: 'p', kind: 'k' })) ?? {};
      expect(path).toMatch(kind === 's3' ? /^s3:\/\/bus\/.*\/store\/p\/k\// : /^\/.*\/store\/p\/k\//);
      expect((await submitted.settled()).artifacts[0]?.canonical_path).toBe(path);
      expect(await readParquet(path)).toEqual([{ x: 7 }]);
      expect(await readParquetColumns(path)).toMatchObject({ x: [7] });
      const batches = [];
      for await (const rows of scanParquet(path)) batches.push(...rows);
      expect(batches).toEqual([{ x: 7 }]);
      const root = path.slice(0, path.indexOf('/store/'));
      expect(await readParquet(`${root}/store`)).toEqual([{ x: 7 }]);
      expect(await readParquet(`${root}/store/*/k/*.parquet`)).toEqual([{ x: 7 }]);
      expect(await readParquet(`${root}/exports/ticks.parquet`, { columns: ['x'] })).toEqual([{ x: 7 }]);
      await expect(readParquet(`${path}x`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    });

    test('the path of a forgotten artifact says so where bus_config.json names its bus', async () => {
      const bus = await newCluster({ compaction: { release_grace_s: 0.05 } });
      const submitted = await bus.submit('job-1', 1);
      await bus.done('start', '--drain');
      const path = (await submitted.settled()).artifacts[0]?.canonical_path ?? '';
      const daemon = bus.start();
      await bus.done('forget', 'job-1/p/k/a', '--force', '--apply');
      const read = () => readParquet(path).catch((error: unknown) => error);
      await eventually(read, result => result instanceof Error);
      expect(await read()).toMatchObject({ code: 'FILE_NOT_FOUND' });
      vi.stubEnv('QUANTBOT_BUS_CONFIG', bus.config);
      onTestFinished(() => void vi.stubEnv('QUANTBOT_BUS_CONFIG', undefined));
      expect(await read()).toMatchObject({
        code: 'ARTIFACT_FORGOTTEN',
        message: expect.stringContaining('job-1/p/k/a was forgotten at'),
      });
      daemon.process.kill('SIGTERM');
      await daemon.ended;
    });
  },
  ['campaign'],
);
