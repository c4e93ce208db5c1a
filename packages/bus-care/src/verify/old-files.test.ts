import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readersOfOldFiles } from './old-files.js';

const folder = mkdtempSync(join(tmpdir(), 'old-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(process.platform !== 'linux')('a process that holds a removed file of the bus is named', () => {
  const config = {
    busRoot: join(folder, 'bus'),
    duckdbPath: join(folder, 'alerts.duckdb'),
    export: { exportDir: join(folder, 'exports') },
  } as Parameters<typeof readersOfOldFiles>[0];
  for (const path of ['bus/store', 'bus/journal/building', 'exports', 'other'])
    mkdirSync(join(folder, path), { recursive: true });
  const old = ['alerts.duckdb', 'bus/store/a.parquet', 'exports/t.parquet'].map(path => join(folder, path));
  const others = ['other/x.parquet', 'bus/journal/building/s.parquet'].map(path => join(folder, path));
  const files = [...old, ...others];
  const held = files.map(path => {
    writeFileSync(path, 'x');
    return openSync(path, 'r');
  });
  const ours = () => readersOfOldFiles(config, 0).readers.filter(({ pid }) => pid === process.pid);
  expect(ours()).toEqual([]);
  for (const path of files) rmSync(path);
  expect(ours()).toEqual([{ pid: process.pid, name: expect.stringContaining('node'), files: old }]);
  expect(readersOfOldFiles(config).readers).toEqual([]);
  for (const file of held) closeSync(file);
  expect(ours()).toEqual([]);
});
