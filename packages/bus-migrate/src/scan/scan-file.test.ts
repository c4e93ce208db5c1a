import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RuleId, rules } from './rules.js';
import { scanFile, scanText } from './scan-file.js';

const folder = join(import.meta.dirname, '../../fixtures/scan');
/** The extension `.txt` hides them from tools that check this package. */
const fixtures = readdirSync(folder)
  .map(name => name.replace(/\.txt$/, ''))
  .sort();
const scanFixture = (name: string) => scanFile(join(folder, `${name}.txt`), name);

/**
 * Parses the expectations of a line, for itself or earlier lines: `expect: rule [step N] [state];
 * -2 rule`.
 */
function expectationsOf(lines: readonly string[], place: (line: number) => string): string[] {
  return lines.flatMap((line, at) => {
    const said = /expect: (.*?)(?:\*\/|$)/.exec(line)?.[1] ?? '';
    return said.split(';').flatMap(each => {
      const match = /^\s*(-\d+ )?([\w-]+)(?: step (\d))?(?: (\w+))?\s*$/.exec(each);
      if (match === null) return [];
      const [, back = '0', rule, step, state = 'found'] = match;
      return [`${place(at + 1 + Number(back))} ${rule} ${state}${step === undefined ? '' : ` step ${step}`}`];
    });
  });
}

function expected(name: string): string[] {
  const text = readFileSync(join(folder, `${name}.txt`), 'utf8');
  if (!name.endsWith('.ipynb')) return expectationsOf(text.split('\n'), line => `${line}`);
  const { cells } = JSON.parse(text) as { cells: { source: string | string[] }[] };
  return cells.flatMap(({ source }, cell) =>
    expectationsOf((typeof source === 'string' ? source : source.join('')).split('\n'), line => `${cell + 1}:${line}`),
  );
}

test.each(fixtures)('%s has the findings that it says itself, and no others', name => {
  const wanted = expected(name);
  const { findings, notes } = scanFixture(name);
  const found = findings.map(({ line, cell, rule, state, step }) => {
    const text = `${cell === undefined ? '' : `${cell}:`}${line} ${rule} ${state}`;
    return wanted.includes(`${text} step ${step}`) ? `${text} step ${step}` : text;
  });
  expect(found.sort()).toEqual(wanted.sort());
  expect(notes).toEqual([]);
});

test('every rule is tried by a fixture', () => {
  const tried = new Set(fixtures.flatMap(name => scanFixture(name).findings.map(({ rule }) => rule)));
  expect((Object.keys(rules) as RuleId[]).filter(rule => !tried.has(rule))).toEqual([]);
});

describe('what cannot be scanned is a note, never a crash', () => {
  const temporary = (name: string, content: string | Buffer): string => {
    const made = mkdtempSync(join(tmpdir(), 'quantbot-scan-'));
    onTestFinished(() => rmSync(made, { recursive: true }));
    writeFileSync(join(made, name), content);
    return join(made, name);
  };

  test.each([
    ['binary.ts', Buffer.from([0x47, 0, 1, 2, 3]), 'not text'],
    ['large.js', `x = "${'a'.repeat(3 * 1024 * 1024)}"`, 'too many'],
    ['broken.ipynb', '{"cells": [', 'could not be read'],
    ['list.ipynb', '[]', 'could not be read'],
    ['r.ipynb', '{"cells": [], "metadata": {"language_info": {"name": "R"}}}', 'its language is r'],
  ])('%s', (name, content, note) => {
    const { findings, notes } = scanFile(temporary(name, content), name);
    expect(findings).toEqual([]);
    expect(notes).toEqual([expect.stringContaining(note)]);
  });

  test('a file that is gone', () => {
    expect(scanFile(join(tmpdir(), 'quantbot-nothing.py'), 'x.py').notes).toEqual([expect.stringContaining('ENOENT')]);
  });

  test('a folder named like code', () => {
    const path = temporary('x', '');
    mkdirSync(`${path}.py`);
    expect(scanFile(`${path}.py`, 'x.py').notes).toEqual([expect.stringContaining('EISDIR')]);
  });

  test('a syntax error: the rest is scanned', () => {
    const { findings, notes } = scanText('import duckdb\nx = = )\nduckdb.connect("a.duckdb")\n', 'a.py');
    expect(findings).toMatchObject([{ rule: 'duckdb-open', line: 3 }]);
    expect(notes).toEqual(['a.py: not all of it could be parsed (first at line 2); the rest was scanned']);
  });
});

const times = 20_000;
const hostile = [
  ['nested calls', 'a.py', `${'f('.repeat(times)}1${')'.repeat(times)}`],
  ['nested brackets', 'a.ts', `x = ${'['.repeat(times)}${']'.repeat(times)};`],
  ['brackets that are not closed', 'a.tsx', '<a>{('.repeat(times)],
  ['a chain of calls', 'a.ts', `x${'.a()'.repeat(times)};`],
  ['a sum of strings', 'a.py', `con.execute(${'"a" + '.repeat(times)}"b")`],
  ['names for names', 'a.py', Array.from({ length: times }, (_, at) => `x${at + 1} = x${at} or x${at}`).join('\n')],
  ['a name for everything', 'a.js', `${'x = x + x;'.repeat(times)} db.run(x)`],
  [
    'functions that call each other',
    'a.py',
    Array.from({ length: times / 10 }, (_, at) => `def f(a, b=1):\n  f(b, a)\n  con.execute(a)\nf(x${at})`).join('\n'),
  ],
  ['SQL without end', 'a.py', `import duckdb\nduckdb.connect("x").execute("${"INSERT '/*".repeat(times)}")`],
  ['one long line of space', 'a.ts', `x = 1${' '.repeat(times * 20)}type`],
  ['quotes that are not closed', 'a.py', `"""${"'".repeat(times)}`],
] as const;

test.each(sampleOf(hostile, 4))('hostile code comes to an end: %s', { tags: ['campaign'] }, (_what, name, text) => {
  expect(() => scanText(text, name)).not.toThrow();
});

test.each([0.8, 0.6, 0.4, 0.2])('deeply nested code ends in a report, however little stack is left: %s used', used => {
  const text = `x = ${'['.repeat(4000)}${']'.repeat(4000)};`;
  const levels = Math.floor(levelsOfStack() * used);
  const { findings, notes } = below(levels, () => scanText(text, 'a.ts'));
  expect(findings).toEqual([]);
  for (const note of notes) expect(note).toMatch(/^a\.ts: (left out, its code is nested too|not all of it could be)/);
});

const below = <T>(levels: number, act: () => T): T => (levels === 0 ? act() : below(levels - 1, act));

/** Returns about how often {@link below} can call itself before the stack overflows. */
function levelsOfStack(): number {
  for (let levels = 500; ; levels += 500) {
    try {
      below(levels, () => {});
    } catch {
      return levels - 500;
    }
  }
}
