import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { temporaryFolder } from '../../test/support/folders.js';
import { parseState, readState, stateText, writeState, writeStateDurable } from './state-file.js';

const schema = z.object({
  name: z.string(),
  count: z.number(),
  tables: z.record(z.string(), z.object({ rows: z.number().nullable() })).default({}),
});
const state = { name: 'Größe "a"', count: 12, tables: { b: { rows: 3 }, '7': { rows: null } } };

test('a state comes back as it was written', async () => {
  const path = join(temporaryFolder(), 'state.json');
  expect(readState(path, schema)).toBe('missing');
  writeState(path, state);
  expect(readState(path, schema)).toEqual(state);
  await writeStateDurable(path, { ...state, count: 13 }, 0);
  expect(readState(path, schema)).toEqual({ ...state, count: 13 });
});

test.each([0, 2])('no flipped bit of a state changes what is read, indented by %d', indent => {
  const good = Buffer.from(stateText(state, indent));
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    const read = parseState(bytes.toString('utf8'), schema);
    if (read !== undefined) expect(read, `bit ${bit}`).toEqual(state);
  }
  for (let length = 0; length < good.length - 1; length++)
    expect(parseState(good.toString('utf8', 0, length), schema)).toBeUndefined();
});

test('a state of an earlier version, without a checksum, is read', () => {
  expect(parseState(JSON.stringify({ name: 'a', count: 1 }), schema)).toEqual({ name: 'a', count: 1, tables: {} });
  expect(parseState(JSON.stringify({ name: 'a', count: 1, chfck: 'ab' }), schema)).toBeUndefined();
});

test('a field that a later version has added is passed over', () => {
  expect(parseState(stateText({ ...state, later: 1 }), schema)).toEqual(state);
});

test('a FIFO or a circle of links in the place of a state is damage, for which nobody waits', async () => {
  const folder = temporaryFolder();
  const [fifo, circle] = [join(folder, 'fifo'), join(folder, 'circle')];
  execFileSync('mkfifo', [fifo]);
  symlinkSync('circle', circle);
  for (const path of [fifo, circle]) {
    expect(readState(path, schema)).toBe('damaged');
    writeState(path, state);
    expect(readState(path, schema)).toEqual(state);
  }
});

test('a folder in the place of a state is damage, and makes way', async () => {
  const folder = temporaryFolder();
  for (const write of [writeState, writeStateDurable]) {
    const path = join(folder, write.name);
    mkdirSync(path);
    writeFileSync(join(path, 'kept'), 'x');
    expect(readState(path, schema)).toBe('damaged');
    await write(path, state);
    expect(readState(path, schema)).toEqual(state);
    const aside = readdirSync(folder).find(name => name.startsWith(`${write.name}.damaged-`)) as string;
    expect(readFileSync(join(folder, aside, 'kept'), 'utf8')).toBe('x');
  }
});
