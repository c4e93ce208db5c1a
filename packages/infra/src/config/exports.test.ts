import { expect, test } from 'vitest';
import { parseBusConfig } from './config.js';
import { ownExportFile } from './exports.js';

test("a table's own export is one file, unless it is off, a dataset or replaced", () => {
  const of = (table: string, settings: object) =>
    ownExportFile(
      table,
      parseBusConfig(JSON.stringify({ export: { export_dir: '/out', ...settings } }), '/x.json').export,
    );
  expect(of('a', {})).toBe('/out/a.parquet');
  expect(of('a', { tables: { a: { compression: 'gzip' }, b: { enabled: false } } })).toBe('/out/a.parquet');
  expect(of('a', { enabled: false })).toBeUndefined();
  expect(of('a', { tables: { a: { enabled: false } } })).toBeUndefined();
  expect(of('a', { tables: { a: { layout: 'dataset' } } })).toBeUndefined();
  expect(of('a', { jobs: [{ name: 'A', sql: 'SELECT 1' }] })).toBeUndefined();
});
