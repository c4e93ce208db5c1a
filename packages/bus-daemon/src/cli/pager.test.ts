import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cutToTerminal, showLines } from './pager.js';

/** Makes this process one with a terminal of some rows and columns. */
function onTerminal(rows: number, columns: number): void {
  for (const [stream, name, value] of [
    [process.stdout, 'isTTY', true],
    [process.stdin, 'isTTY', true],
    [process.stdout, 'rows', rows],
    [process.stdout, 'columns', columns],
  ] as const) {
    const before = Object.getOwnPropertyDescriptor(stream, name);
    Object.defineProperty(stream, name, { value, configurable: true });
    onTestFinished(() => {
      if (before === undefined) Reflect.deleteProperty(stream, name);
      else Object.defineProperty(stream, name, before);
    });
  }
}

test.each([
  [2, 80, 'is paged'],
  [5, 2, 'is paged, since it wraps'],
  [0, 80, 'is printed, since its size is unknown'],
  [5, 80, 'is printed, since it fits'],
])('a text of three lines on a terminal of %i rows and %i columns %s', (rows, columns, outcome) => {
  const paged = join(temporaryFolder(), 'paged');
  vi.stubEnv('PAGER', `cat > '${paged}'`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation(text => void printed.push(text));
  onTerminal(rows, columns);
  const text = 'aaaaaa\n\u001b[1mb\u001b[22m\nc';
  showLines(text);
  if (outcome.startsWith('is paged')) expect(readFileSync(paged, 'utf8')).toBe(`${text}\n`);
  else expect(existsSync(paged)).toBe(false);
  expect(printed).toEqual(outcome.startsWith('is paged') ? [] : [text]);
});

test('lines are cut to the width of a terminal, but for those that are to be whole', () => {
  const text = 'abcdef\nab\nfailed';
  const cut = () => cutToTerminal(text, line => line === 'failed');
  expect(cut()).toBe(text);
  onTerminal(20, 4);
  expect(cut()).toBe('abc…\nab\nfailed');
});
