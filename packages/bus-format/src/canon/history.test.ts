import { expect, test } from 'vitest';
import { type FirstOfSchema, tableHistory } from './history.js';

const schema = (seq: number, schemaHint: string, types: Record<string, string>): FirstOfSchema => ({
  seq: seq + 100,
  firstSeq: seq,
  firstCommittedAtMs: seq * 1000,
  schemaHint,
  artifactKey: `r${seq}/p/k/a`,
  columns: Object.entries(types).map(([name, type]) => ({ name, type, nullable: true })),
});

test('a table’s history has each column that was added and each type that was widened, and who did it', () => {
  const schemas = [
    schema(1, 'canon.t', { a: 'INTEGER', d: 'DECIMAL(5,1)' }),
    schema(2, 'canon.other', { z: 'INTEGER' }),
    schema(3, 'canon.T', { a: 'INTEGER' }),
    schema(4, 'canon.t', { d: 'DECIMAL(9,2)', b: 'VARCHAR' }),
  ];
  expect(tableHistory('t', schemas, [])).toEqual([
    {
      seq: 1,
      artifactKey: 'r1/p/k/a',
      at: 1000,
      changes: [
        { column: 'a', from: null, to: 'BIGINT' },
        { column: 'd', from: null, to: 'DECIMAL(5,1)' },
      ],
    },
    {
      seq: 4,
      artifactKey: 'r4/p/k/a',
      at: 4000,
      changes: [
        { column: 'd', from: 'DECIMAL(5,1)', to: 'DECIMAL(9,2)' },
        { column: 'b', from: null, to: 'VARCHAR' },
      ],
    },
  ]);
});

test('columns that are declared were there before', () => {
  const declared = { name: 't', mode: 'append' as const, key: [], orderBy: [] };
  const columns = [{ name: 'a', type: 'INTEGER', notNull: false }];
  const schemas = [schema(1, 'canon.t', { a: 'INTEGER', b: 'VARCHAR' })];
  expect(tableHistory('t', schemas, [{ ...declared, columns }]).map(({ changes }) => changes)).toEqual([
    [{ column: 'b', from: null, to: 'VARCHAR' }],
  ]);
});
