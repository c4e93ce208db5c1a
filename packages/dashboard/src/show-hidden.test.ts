import { h } from 'preact';
import { expect, test } from 'vitest';
import { showHidden } from './show-hidden.js';

showHidden();

test('texts of the page show what would turn their direction, wherever they stand', () => {
  const text = 'txt.\u202egpj\u001b';
  const shown = 'txt.\\u{202e}gpj\\u{1b}';
  expect(h('td', { title: text }, text, [text]).props).toMatchObject({ title: shown, children: [shown, [shown]] });
});

test('lines of a text, and what stands in a field, stay as they are', () => {
  expect(h('pre', null, 'a\nb').props.children).toBe('a\nb');
  expect(h('textarea', { value: '\u202e' }).props.value).toBe('\u202e');
});
