import { daemonError } from '@quantbot/bus-format';
import { expect, onTestFinished, test, vi } from 'vitest';
import { failWith } from './fail.js';
import { jsonOf } from './query/render.js';
import { forTerminal, jsonText } from './shared.js';
import { tableOf } from './table.js';

const nasty = '\u001b]0;title\u0007\u001b[31m\u009b2J\u202egnp.exe';
const shown = '\\u{1b}]0;title\\u{7}\\u{1b}[31m\\u{9b}2J\\u{202e}gnp.exe';

const steering = (text: string) =>
  ['\u001b[31m', '\u001b]', '\u0007', '\u009b', '\u202e'].filter(one => text.includes(one));

test('what a producer wrote steers no terminal: in a table, in lines, in an error, in JSON', async () => {
  expect(steering(tableOf([nasty], [[nasty], [[nasty]]]))).toEqual([]);
  expect(forTerminal(`error: ${nasty}\nnext`)).toBe(`error: ${shown}\nnext`);
  const printed = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => {
    printed.mockRestore();
    process.exitCode = 0;
  });
  failWith(daemonError('TABLE_NOT_FOUND', `There is no ${nasty}.`, { details: [`${nasty} 2`] }));
  expect(printed.mock.calls.flat().join('\n')).toContain(`There is no ${shown}.\n  ${shown} 2`);

  const batch = { columns: [{ name: nasty, type: 'VARCHAR' }], rows: [[nasty]] };
  const parts: string[] = [];
  for await (const part of jsonOf(
    (async function* () {
      yield batch;
    })(),
  ))
    parts.push(part);
  for (const [json, value] of [
    [jsonText({ nasty }, 2), { nasty }],
    [parts.join(''), [{ [nasty]: nasty }]],
  ] as const) {
    expect(steering(json)).toEqual([]);
    expect(JSON.parse(json)).toEqual(value);
  }
});

test('the head of a table stays bold', () => {
  expect(forTerminal('\u001b[1mseq\u001b[22m')).toBe('\u001b[1mseq\u001b[22m');
});

test('an error of the system has its code once, and an order that fits it', () => {
  const printed = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => {
    printed.mockRestore();
    process.exitCode = 0;
  });
  failWith(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' }));
  expect(printed.mock.calls.flat()).toEqual([
    'ENOSPC: no space left on device, write',
    'Try: Free some space: the disk is full. Then run the command again.',
  ]);
});
