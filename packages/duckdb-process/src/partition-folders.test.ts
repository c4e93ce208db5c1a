import { expect, test } from 'vitest';
import { folderNames } from './partition-folders.js';

test('values that differ only in case get folders that differ on a file system that ignores case', () => {
  const nameFolder = folderNames([]);
  const values = ['A', 'a', 'bB', 'Bb', 'BB', 'é', 'É', 'null', 'NULL', '', null];
  const names = values.map(value => nameFolder('p', value));
  expect(names.slice(0, 3)).toEqual(['p-A', 'p-%61', 'p-bB']);
  expect(names.slice(-2)).toEqual(['p-', 'p']);
  expect(new Set(names.map(name => name.toLowerCase())).size).toBe(values.length);
  expect(names.slice(0, -1).map(name => decodeURIComponent(name.slice(2)))).toEqual(values.slice(0, -1));
  expect(values.map(value => nameFolder('p', value))).toEqual(names);
});

test('a value keeps the folder that it has, at each level, whatever came first', () => {
  const nameFolder = folderNames(['p-a/q-X/1.parquet', 'p-%41/q-x/1.parquet', 'p-a/q-x/1.parquet']);
  expect(['A', 'a', 'b'].map(value => nameFolder('p', value))).toEqual(['p-%41', 'p-a', 'p-b']);
  expect(['x', 'X'].map(value => nameFolder('q', value))).toEqual(['q-x', 'q-X']);
});

test('no reader skips a folder, takes it for a partition of Hive, or leaves the dataset by it', () => {
  const names = ['_seq', '.x', '..', 'a=b', '../x'].map(column => folderNames([])(column, '../a=b'));
  expect(names).toEqual(['%5Fseq', '%2Ex', '%2E.', 'a%3Db', '%2E.%2Fx'].map(column => `${column}-..%2Fa%3Db`));
  expect(folderNames([])('.', null)).toBe('%2E');
});

test('a value of any length gets a folder that a file system takes, and keeps it', () => {
  const nameFolder = folderNames([]);
  const long = 'x'.repeat(253);
  const values = [long, `${long}1`, `${long}2`, `${long.toUpperCase()}1`, 'é'.repeat(200), `${'é'.repeat(200)}1`];
  const names = values.map(value => nameFolder('p', value));
  expect(names[0]).toBe(`p-${long}`);
  expect(names.map(name => Buffer.byteLength(name) <= 255)).toEqual(values.map(() => true));
  expect(new Set(names.map(name => name.toLowerCase())).size).toBe(values.length);
  expect(names[4]).toMatch(/^p-(%C3%A9)+(%C3)?\+[0-9a-f]{32}$/);
  const again = folderNames(names.map(name => `${name}/part.parquet`));
  expect(values.map(value => again('p', value))).toEqual(names);
  expect(nameFolder('c'.repeat(300), null)).toMatch(/^c{222}\+[0-9a-f]{32}$/);
});
