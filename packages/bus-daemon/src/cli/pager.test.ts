import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test, vi } from 'vitest';
import { showLines } from './pager.js';

/** Makes this process one with a terminal of some rows. */
function onTerminal(rows: number): void {
  for (const [stream, name, value] of [
    [process.stdout, 'isTTY', true],
    [process.stdin, 'isTTY', true],
    [process.stdout, 'rows', rows],
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
  [2, 'is paged'],
  [0, 'is printed, since its size is unknown'],
  [9, 'is printed, since it fits'],
])('a text of three lines on a terminal of %i rows %s', rows => {
  const paged = join(temporaryFolder(), 'paged');
  vi.stubEnv('PAGER', `cat > '${paged}'`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation(text => void printed.push(text));
  onTerminal(rows);
  showLines('a\nb\nc');
  if (rows === 2) expect(readFileSync(paged, 'utf8')).toMatch(/^a\nb\nc/);
  else expect(existsSync(paged)).toBe(false);
  expect(printed).toEqual(rows === 2 ? [] : ['a\nb\nc']);
});
