import { expect, test } from 'vitest';
import { visible, visibleJson, visibleLines, visibleOnceParsed } from './visible.js';

test.each([
  ['plain text, in any language', 'Größe 大きさ 📈 👩‍🔬 a b', 'Größe 大きさ 📈 👩‍🔬 a b'],
  ['what steers a terminal', '\u001b]0;title\u0007\u009b2J', '\\u{1b}]0;title\\u{7}\\u{9b}2J'],
  ['lines', 'a\nb\u2028c', 'a\\u{a}b\\u{2028}c'],
  ['what turns the direction', 'txt.\u202egpj', 'txt.\\u{202e}gpj'],
  ['what is not seen', 'a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
])('%s', (_what, text, shown) => {
  expect(visible(text)).toBe(shown);
});

const nasty = 'a\u001b[2J\u009b\u202eb\nc\td\u{e0041}\\u001b "q"';

test('a text of several lines keeps its lines', () => {
  expect(visibleLines('a\u001b\n\tb\r')).toBe('a\\u{1b}\n\tb\\u{d}');
});

test('JSON that is shown has the same values', () => {
  const json = visibleJson(JSON.stringify({ [nasty]: nasty }, null, 2));
  expect(JSON.parse(json)).toEqual({ [nasty]: nasty });
  expect(json).toBe(visibleLines(json));
});

test('JSON that somebody prints once it is parsed gives what can be shown', () => {
  const line = visibleOnceParsed(`${JSON.stringify({ msg: nasty })}\n`);
  const { msg } = JSON.parse(line);
  expect(msg).toBe('a\\u{1b}[2J\\u{9b}\\u{202e}b\nc\td\\u{e0041}\\u001b "q"');
});
