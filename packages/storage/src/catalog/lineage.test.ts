import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import type { LineageEdge } from './lineage.js';
import { type Catalog, openCatalog } from './open-catalog.js';

/**
 * A catalog whose edges are the pairs of input and output of a SELECT. Who was made from something
 * is in it, who was not is not.
 */
async function catalogOf(pairs: string): Promise<Catalog> {
  const path = join(temporaryFolder(), 'alerts.duckdb');
  await runIn(
    path,
    'CREATE SCHEMA catalog',
    `CREATE TABLE edges AS ${pairs}`,
    `CREATE VIEW catalog.artifacts_f AS SELECT row_number() OVER (ORDER BY made) AS seq, 0::BIGINT AS ordinal, made AS artifact_key, 'run' AS run_id,
       'p' AS producer, 'k' AS kind, made AS artifact_id, list(input) AS inputs FROM edges GROUP BY made`,
    `CREATE VIEW catalog.lineage_v AS SELECT made AS artifact_key, input AS input_key, 1::BIGINT AS seq FROM edges`,
  );
  return openCatalog({ duckdbPath: path });
}

const pairs = (...edges: string[]): string =>
  `SELECT * FROM (VALUES ${edges.map(edge => `('${edge.split('>').join("', '")}')`).join(', ')}) t(input, made)`;

const lines = (edges: readonly LineageEdge[]): string[] => edges.map(({ from, to, depth }) => `${from}>${to} ${depth}`);

test('without options the direct neighbours of both sides, with the records of those that are in the catalog', async () => {
  await using catalog = await catalogOf(pairs('file>raw', 'raw>features', 'features>model', 'features>plot'));
  const lineage = await catalog.lineage('features');
  expect(lineage).toMatchObject({ inputs: ['raw'], outputs: ['model', 'plot'] });
  expect(lines(lineage.edges)).toEqual(['features>model 1', 'features>plot 1', 'raw>features 1']);
  expect(lineage.artifacts.map(({ key }) => key)).toEqual(['raw', 'plot', 'model', 'features']);
});

test('further steps are taken as far as the depth says, in the direction that was asked for', async () => {
  await using catalog = await catalogOf(pairs('a>b', 'b>c', 'c>d', 'd>e'));
  const lineage = async (direction: 'inputs' | 'outputs', depth: number) => {
    const { inputs, outputs, edges } = await catalog.lineage('c', { direction, depth });
    return { inputs, outputs, edges: lines(edges) };
  };
  expect(await lineage('inputs', 1)).toEqual({ inputs: ['b'], outputs: [], edges: ['b>c 1'] });
  expect(await lineage('inputs', 2)).toEqual({ inputs: ['b', 'a'], outputs: [], edges: ['b>c 1', 'a>b 2'] });
  expect(await lineage('inputs', Infinity)).toEqual(await lineage('inputs', 2));
  expect(await lineage('outputs', Infinity)).toEqual({ inputs: [], outputs: ['d', 'e'], edges: ['c>d 1', 'd>e 2'] });
});

test('what else was made from an input is no part of the lineage', async () => {
  await using catalog = await catalogOf(pairs('a>b', 'a>sibling', 'other>c', 'b>c'));
  expect(await catalog.lineage('b', { depth: Infinity })).toMatchObject({ inputs: ['a'], outputs: ['c'] });
});

test('an input that is no artifact of the bus is an edge without a record', async () => {
  await using catalog = await catalogOf(pairs('s3://bucket/file>a'));
  const { inputs, edges, artifacts } = await catalog.lineage('a', { depth: Infinity });
  expect({ inputs, edges: lines(edges) }).toEqual({
    inputs: ['s3://bucket/file'],
    edges: ['s3://bucket/file>a 1'],
  });
  expect(artifacts.map(({ key }) => key)).toEqual(['a']);
  expect((await catalog.lineage('s3://bucket/file')).outputs).toEqual(['a']);
});

test('a diamond has each edge once, and an edge beside the shortest way its own depth', async () => {
  await using catalog = await catalogOf(pairs('a>b', 'a>c', 'b>d', 'c>d', 'a>d', 'a>d'));
  const { inputs, edges } = await catalog.lineage('d', { direction: 'inputs', depth: Infinity });
  expect(inputs).toEqual(['a', 'b', 'c']);
  expect(lines(edges)).toEqual(['a>d 1', 'b>d 1', 'c>d 1', 'a>b 2', 'a>c 2']);
});

test('a circle ends, has each edge once, and makes an artifact an input of itself', async () => {
  await using catalog = await catalogOf(pairs('a>b', 'b>c', 'c>a', 'self>self'));
  const { inputs, outputs, edges } = await catalog.lineage('a', { depth: Infinity });
  expect({ inputs, outputs }).toEqual({ inputs: ['c', 'b', 'a'], outputs: ['b', 'c', 'a'] });
  expect(lines(edges)).toEqual(['a>b 1', 'c>a 1', 'b>c 2']);
  expect(await catalog.lineage('self', { depth: 9 })).toMatchObject({ inputs: ['self'], outputs: ['self'] });
});

test('a key that nobody knows has no lineage, also one that would end the SQL', async () => {
  await using catalog = await catalogOf(pairs('a>b'));
  const nothing = { inputs: [], outputs: [], edges: [], artifacts: [] };
  expect(await catalog.lineage('nobody', { depth: Infinity })).toEqual(nothing);
  expect(await catalog.lineage("b' OR true --")).toEqual(nothing);
});

test('a chain of thousands and a tree of a hundred thousand are walked to their ends', async () => {
  const chain = "SELECT 'c' || range AS input, 'c' || (range + 1) AS made FROM range(5000)";
  const tree = "SELECT 't' || (range // 10) AS input, 't' || range AS made FROM range(1, 100000)";
  await using catalog = await catalogOf(`${chain} UNION ALL ${tree}`);
  const up = await catalog.lineage('c5000', { direction: 'inputs', depth: Infinity });
  const down = await catalog.lineage('t0', { direction: 'outputs', depth: Infinity });
  expect(up.inputs).toHaveLength(5000);
  expect(up.edges.at(-1)).toEqual({ from: 'c0', to: 'c1', depth: 5000 });
  expect(down.edges).toHaveLength(99_999);
  expect(down.artifacts).toHaveLength(99_999);
});

test.each<[string, object]>([
  ['a depth of nothing', { depth: 0 }],
  ['half a step', { depth: 1.5 }],
  ['a depth that is no number', { depth: Number.NaN }],
  ['a direction that there is not', { direction: 'up' }],
])('refuses %s', async (_, options) => {
  await using catalog = await catalogOf(pairs('a>b'));
  await expect(catalog.lineage('b', options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});
