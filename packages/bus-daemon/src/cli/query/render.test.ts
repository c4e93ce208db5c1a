import { expect, test } from 'vitest';
import { type Batches, jsonOf } from './render.js';

async function jsonText(rows: Parameters<typeof Array.of>[0][]): Promise<string> {
  const columns = [{ name: 'x', type: 'DOUBLE' }];
  const batches = (async function* () {
    yield { columns, rows: [] };
    yield { columns, rows: rows.map(value => [value]) };
  })() as Batches;
  let text = '';
  for await (const part of jsonOf(batches)) text += part;
  return text;
}

test('the JSON of an answer has a row on each line, with the sign of each zero', async () => {
  expect(await jsonText([0, -0, [-0], '-0'])).toBe('[\n{"x":0},\n{"x":-0.0},\n{"x":[-0.0]},\n{"x":"-0"}\n]\n');
  expect(await jsonText([])).toBe('[]\n');
});
