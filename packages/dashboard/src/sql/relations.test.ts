import { expect, test } from 'vitest';
import { quotedName, relationsOf, schemaOf } from './relations.js';

const answer = {
  rows: [
    ['canon', 'trades', 'px', 'DOUBLE'],
    ['canon', 'trades', 'Odd "name"', 'VARCHAR'],
    ['catalog', 'jobs_f', 'job_id', 'VARCHAR'],
  ],
};

test('columns are grouped by view, in their order', () => {
  expect(relationsOf(answer)).toEqual([
    {
      schema: 'canon',
      name: 'trades',
      columns: [
        { name: 'px', type: 'DOUBLE' },
        { name: 'Odd "name"', type: 'VARCHAR' },
      ],
    },
    { schema: 'catalog', name: 'jobs_f', columns: [{ name: 'job_id', type: 'VARCHAR' }] },
  ]);
});

test('a name is completed as SQL needs it', () => {
  const [trades] = relationsOf(answer);
  expect(schemaOf(trades === undefined ? [] : [trades])).toEqual({
    canon: {
      trades: [
        { label: 'px', apply: 'px', detail: 'DOUBLE', type: 'property' },
        { label: 'Odd "name"', apply: '"Odd ""name"""', detail: 'VARCHAR', type: 'property' },
      ],
    },
  });
  expect(['a1', '1a', 'A', 'a b'].map(quotedName)).toEqual(['a1', '"1a"', '"A"', '"a b"']);
});
