import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { root } from './repository.js';

const packages = join(root, 'packages');

/** The source of a package, without its tests: paths from its `src/`, each with what it imports of it. */
function importsIn(name: string): Map<string, string[]> {
  const src = join(packages, name, 'src');
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' });
  const files = paths.filter(path => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path));
  return new Map(
    files.map(path => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(src, path), 'utf8'));
      const own = importedFiles.filter(({ fileName }) => fileName.startsWith('.'));
      const found = own.flatMap(({ fileName }) => {
        const target = relative(src, resolve(src, dirname(path), fileName)).replace(/\.js$/, '');
        return files.filter(file => file.replace(/\.tsx?$/, '') === target);
      });
      return [path, found];
    }),
  );
}

/** The ways that lead back to where they began, each as a list of steps. */
function circlesIn(arrows: ReadonlyMap<string, Iterable<string>>): string[][] {
  const circles: string[][] = [];
  const finished = new Set<string>();
  const visit = (at: string, way: readonly string[]) => {
    if (way.includes(at)) circles.push([...way.slice(way.indexOf(at)), at]);
    else if (!finished.has(at)) for (const next of arrows.get(at) ?? []) visit(next, [...way, at]);
    finished.add(at);
  };
  for (const start of arrows.keys()) visit(start, []);
  return circles;
}

/**
 * The folder of a file that counts as one place: what lies below it shares its kit (`doctor/checks`
 * uses `doctor`). The rooms of the daemon are divided once more. A file beside folders is a place of
 * its own.
 */
function placeOf(name: string, path: string): string {
  const parts = path.split('/');
  const depth = name === 'bus-daemon' && ['writer', 'onlookers'].includes(parts[0] as string) ? 2 : 1;
  return parts.slice(0, depth).join('/');
}

function folderArrows(name: string): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const [from, targets] of importsIn(name))
    for (const to of targets) {
      const [a, b] = [placeOf(name, from), placeOf(name, to)];
      if (a !== b) arrows.set(a, (arrows.get(a) ?? new Set()).add(b));
    }
  return arrows;
}

const names = readdirSync(packages);

describe.each(names)('%s', name => {
  test('no file has more than 300 lines', () => {
    const lines = (path: string) => readFileSync(join(packages, name, 'src', path), 'utf8').split('\n').length - 1;
    expect([...importsIn(name).keys()].filter(path => lines(path) > 300)).toEqual([]);
  });

  test('neither files nor folders import each other in a circle', () => {
    expect(circlesIn(importsIn(name))).toEqual([]);
    expect(circlesIn(folderArrows(name))).toEqual([]);
  });
});

test('in the daemon the writer knows no onlooker, nobody but the daemon knows them, and nobody knows the commands', () => {
  const rooms = ['writer', 'onlookers', 'daemon', 'cli'];
  const roomOf = (path: string) => {
    const at = rooms.indexOf(path.split('/')[0] as string);
    return at < 0 ? rooms.indexOf('daemon') : at;
  };
  const upwards = [...importsIn('bus-daemon')].flatMap(([from, targets]) =>
    targets.filter(to => roomOf(to) > roomOf(from)).map(to => `${from} → ${to}`),
  );
  expect(upwards).toEqual([]);
});
