import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesOf, root } from './repository.js';

const read = (name: string) => readFileSync(join(root, name), 'utf8');
const storage = read('packages/storage/etc/storage.api.md');
const utils = read('packages/infra/etc/infra-utils.api.md');
const sources = filesOf('python/src/quantbot_bus/*.py').map(read).join('\n\n\n');
const exported = /__all__ = \[([^\]]*)\]/.exec(read('python/src/quantbot_bus/__init__.py'))?.[1] ?? '';

const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);
const membersOf = (name: string) =>
  new RegExp(`^export interface ${name} [^{]*\\{([^]*?)^\\}`, 'm').exec(storage)?.[1] ?? '';
const fieldsOf = (name: string) => all(membersOf(name), /^ {4}(\w+)\??:/gm);
const snake = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

/** Returns the parameters of a method of Python. */
const parametersOf = (method: string) =>
  all(new RegExp(`^ {4}def ${method}\\(([^]*?)\\) ->`, 'm').exec(sources)?.[1] ?? '', /(\w+):/g);

test('docs/reference/python.md gives each call of TypeScript its twin in Python, or a reason', () => {
  const calls = [
    'openCatalog',
    ...all(membersOf('Catalog'), /^ {4}(\w+)[<(]/gm).map(name => `catalog.${name}`),
    ...all(utils, /^export (?:function|class|const) (\w+)/gm),
  ];
  expect(calls.length).toBeGreaterThan(25);
  const section = read('docs/reference/python.md').split('\n## TypeScript and Python\n')[1] ?? '';
  const rows = section
    .split('\n## ')[0]
    ?.split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => line.split('|').map(cell => cell.trim().replaceAll('`', '')));
  expect(rows?.map(([, call]) => call).sort()).toEqual(calls.sort());
  for (const [, call = '', twin = '', reason = ''] of rows ?? [])
    if (twin === '') expect(reason, call).toMatch(/^.{15,}\.$/);
    else if (twin.startsWith('bus.')) expect(sources, call).toMatch(new RegExp(`^ {4}def ${twin.slice(4)}\\(`, 'm'));
    else expect(exported, call).toContain(`"${twin}"`);
});

test.each([
  ['LatestFilter', 'latest'],
  ['ArtifactFilter', 'artifacts'],
  ['JobFilter', 'jobs'],
  ['RunFilter', 'runs'],
  ['LineageOptions', 'lineage'],
  ['WatchOptions', 'watch'],
])('each field of %s is a parameter of %s in Python, and no other', (options, method) => {
  const others: Record<string, string> = { signal: 'stop' };
  const expected = fieldsOf(options).map(name => others[name] ?? snake(name));
  expect(expected.length).toBeGreaterThan(1);
  const own = parametersOf(method).filter(name => method !== 'lineage' || name !== 'key');
  expect(own.sort()).toEqual(expected.sort());
});

test.each(['ArtifactRecord', 'RunRecord', 'JobRecord', 'AliasRecord', 'Lineage', 'LineageEdge'])(
  '%s has the same fields in Python',
  record => {
    const others: Record<string, string> = { from: 'source', to: 'target' };
    const body =
      new RegExp(`^class ${record}(?:\\(\\w+\\))?:\\n([^]*?)\\n\\n(?:\\n| {4}def)`, 'm').exec(sources)?.[1] ?? '';
    const expected = fieldsOf(record).map(name => others[name] ?? snake(name));
    expect(expected.length).toBeGreaterThan(2);
    expect(all(body, /^ {4}([a-z]\w*): /gm).sort()).toEqual(expected.sort());
  },
);
