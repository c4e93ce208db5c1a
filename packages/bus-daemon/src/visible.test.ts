import { expect, test } from 'vitest';
import { visible } from './visible.js';

test.each([
  ['plain text, in any language', 'Größe 大きさ 📈 👩‍🔬 a b', 'Größe 大きさ 📈 👩‍🔬 a b'],
  ['what steers a terminal', '\u001b]0;title\u0007\u009b2J', '\\u{1b}]0;title\\u{7}\\u{9b}2J'],
  ['lines', 'a\nb\u2028c', 'a\\u{a}b\\u{2028}c'],
  ['what turns the direction', 'txt.\u202egpj', 'txt.\\u{202e}gpj'],
  ['what is not seen', 'a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
])('%s', (_what, text, shown) => {
  expect(visible(text)).toBe(shown);
});
