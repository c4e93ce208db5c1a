import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { beforeEach, expect, test } from 'vitest';
import { noteMode } from '../canon/definition.js';
import { newTable } from '../canon/table.js';
import { writeDatasetManifest } from './dataset.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bus-format-'));
  return () => rmSync(root, { recursive: true });
});

/** Leaves what a writer of a file leaves that is killed before it renames. */
const killAtWriting = (folder: string, file: string) =>
  writeFileSync(join(folder, `.${file}.${'a'.repeat(12)}.tmp`), '{');

test('the manifest of a dataset has nothing beside it that a killed writer left', async () => {
  const generation = join(root, `.trades.${'b'.repeat(16)}.dataset`);
  mkdirSync(join(generation, 'files'), { recursive: true });
  symlinkSync(join(generation, 'files'), join(root, 'trades'));
  killAtWriting(generation, '_dataset.json');
  await writeDatasetManifest(join(root, 'trades'), {
    bus_id: 'b',
    export: 'trades',
    tag: 't',
    definition: 'd',
    as_of_seq: 1,
    open_from_seq: 1,
    files: [],
  });
  expect(readdirSync(generation).sort()).toEqual(['_dataset.json', 'files']);
});

test('the definition of a table has nothing beside it that a killed writer left', async () => {
  const folder = join(busLayout(root).canon, 'trades');
  mkdirSync(folder, { recursive: true });
  killAtWriting(folder, 'table.json');
  await noteMode(busLayout(root), newTable('trades', undefined));
  expect(readdirSync(folder)).toEqual(['table.json']);
});
