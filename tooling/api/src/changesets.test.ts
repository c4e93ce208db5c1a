import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { filesOf, root } from './repository.js';

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Without this, the mistake stops `changeset version`, at the next release. */
test('a pending changeset names packages that are published, and a kind of release for each', () => {
  const published = filesOf('packages/*/package.json')
    .map(path => JSON.parse(read(path)))
    .flatMap(({ name, private: isPrivate }) => (isPrivate ? [] : [name]));
  const wrong = filesOf('.changeset/*.md')
    .filter(path => !path.endsWith('README.md'))
    .flatMap(path => {
      const releases: Record<string, string> = parse(/^---\n([\s\S]*?)\n---\n/.exec(read(path))?.[1] ?? '') ?? {};
      const isRight = ([name, kind]: [string, string]) =>
        published.includes(name) && ['major', 'minor', 'patch'].includes(kind);
      const entries = Object.entries(releases);
      return entries.length > 0 && entries.every(isRight) ? [] : [path];
    });
  expect(wrong).toEqual([]);
});
