import { expect, test } from 'vitest';
import { type FirstOfSchema, type Retype, tableHistory } from './history.js';

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

test('an operation that sets a type has its place among the artifacts', () => {
  const schemas = [
    schema(1, 'canon.t', { a: 'VARCHAR' }),
    schema(5, 'canon.t', { a: 'INTEGER', b: 'DATE' }),
    schema(7, 'canon.t', { a: 'VARCHAR' }),
  ];
  const retype = (seq: number, from: string, to: string): Retype => ({
    seq,
    committedAtMs: seq * 1000,
    type: 'table_retype',
    table: 't',
    column: 'a',
    column_type: to,
    generation: seq,
    before: {
      mode: 'append',
      key: [],
      orderBy: [],
      after: 0,
      columns: [{ name: 'a', type: from, fixedBy: '', required: false }],
    },
  });
  const history = tableHistory('t', schemas, [], [retype(3, 'VARCHAR', 'BIGINT'), retype(6, 'BIGINT', 'VARCHAR')]);
  expect(history.map(({ seq, artifactKey, changes }) => [seq, artifactKey, changes])).toEqual([
    [1, 'r1/p/k/a', [{ column: 'a', from: null, to: 'VARCHAR' }]],
    [3, '`quantbot-bus table retype`', [{ column: 'a', from: 'VARCHAR', to: 'BIGINT' }]],
    [5, 'r5/p/k/a', [{ column: 'b', from: null, to: 'DATE' }]],
    [6, '`quantbot-bus table retype`', [{ column: 'a', from: 'BIGINT', to: 'VARCHAR' }]],
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
