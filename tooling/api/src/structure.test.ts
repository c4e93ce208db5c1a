import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { tableModeNames } from '@quantbot/infra/config';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { filesOf, root } from './repository.js';

const packages = join(root, 'packages');

/** Returns the sources of a package, tests left out: paths below `src/`, each with its imports. */
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

/** Returns the circles of a graph, each as a list of steps. */
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
 * Returns the arrows between the files and folders that stand side by side in a folder. A folder
 * counts as one place.
 */
function arrowsIn(folder: string, imports: ReadonlyMap<string, string[]>): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  const placeOf = (path: string) => path.slice(folder.length).split('/')[0] as string;
  for (const [from, targets] of imports)
    for (const to of targets) {
      if (!from.startsWith(folder) || !to.startsWith(folder)) continue;
      const [a, b] = [placeOf(from), placeOf(to)];
      if (a !== b) arrows.set(folder + a, (arrows.get(folder + a) ?? new Set()).add(folder + b));
    }
  return arrows;
}

/** Returns the folders of some files, the root as `''`, each with a slash at its end. */
function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set(['']);
  for (const path of paths)
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at + 1));
  return folders;
}

/**
 * Returns the circles of a package, between files and between folders at every depth. A folder and
 * the folders in it are one room: files above may compose them or serve them, and a file that does
 * both is found as a circle.
 */
const circlesOf = (imports: ReadonlyMap<string, string[]>): string[][] => [
  ...circlesIn(imports),
  ...[...foldersOf(imports.keys())].flatMap(folder => circlesIn(arrowsIn(folder, imports))),
];

test('a circle between folders is found at every depth', () => {
  const between = (...arrows: [string, string][]) =>
    circlesOf(new Map(arrows.map(([from, to]) => [from, [to]]))).map(circle => circle.join(' → '));
  expect(between(['a/x/1', 'a/y/1'], ['a/y/2', 'a/x/2'])).toEqual(['a/x → a/y → a/x']);
  expect(between(['a/one', 'a/x/1'], ['a/x/2', 'a/one'])).toEqual(['a/one → a/x → a/one']);
  expect(between(['a/compose', 'a/x/1'], ['a/x/1', 'a/kit'])).toEqual([]);
});

const names = readdirSync(packages);

describe.each(names)('%s', name => {
  test('neither files nor folders import each other in a circle', () => {
    expect(circlesOf(importsIn(name))).toEqual([]);
  });
});

/** Returns the lines of each source and test of the project. */
function linesOfFiles(): Map<string, number> {
  const paths = filesOf('*.ts', '*.tsx', '*.mts', '*.mjs');
  return new Map(paths.map(path => [path, readFileSync(join(root, path), 'utf8').split('\n').length - 1]));
}

test('no source and no test has more than 300 lines', () => {
  expect([...linesOfFiles()].filter(([, lines]) => lines > 300)).toEqual([]);
});

test('no package holds 30 % of the lines of all packages', () => {
  const inPackages = [...linesOfFiles()].filter(([path]) => path.startsWith('packages/'));
  const sum = (files: readonly (readonly [string, number])[]) => files.reduce((all, [, lines]) => all + lines, 0);
  const shares = names.map(name => ({
    name,
    share: sum(inPackages.filter(([path]) => path.startsWith(`packages/${name}/`))) / sum(inPackages),
  }));
  expect(shares.filter(({ share }) => share >= 0.3)).toEqual([]);
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

/** The two files that may distinguish modes: their names and settings, and their meaning. */
const homesOfModes = ['infra/src/config/canon-table.ts', 'bus-format/src/canon/modes.ts'];

/** Returns the modes that a file distinguishes: in comparisons, cases, lists, unions or objects. */
function modesToldApart(text: string): string[] {
  if (!tableModeNames.some(name => text.includes(name))) return [];
  const file = ts.createSourceFile('x.tsx', text, ts.ScriptTarget.Latest, true);
  const isName = (node: ts.Node) =>
    (ts.isStringLiteral(node) || ts.isIdentifier(node)) && (tableModeNames as string[]).includes(node.text);
  const found: string[] = [];
  const note = (nodes: readonly ts.Node[], enough = 1) => {
    const names = nodes.filter(isName).map(node => node.getText());
    if (names.length >= enough) found.push(...names);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && /mode/i.test(node.getText()))
      note([node.left, node.right].filter(ts.isStringLiteral));
    if (ts.isCaseClause(node)) note([node.expression]);
    if (ts.isArrayLiteralExpression(node)) note(node.elements, 2);
    if (ts.isUnionTypeNode(node))
      note(
        node.types.filter(ts.isLiteralTypeNode).map(type => type.literal),
        2,
      );
    if (ts.isObjectLiteralExpression(node))
      note(
        node.properties.flatMap(({ name }) => name ?? []),
        2,
      );
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

test('a place that tells modes apart is found', () => {
  expect(modesToldApart("if (table.mode === 'latest') f()")).toEqual(["'latest'"]);
  expect(modesToldApart("switch (mode) { case 'append': f(); }")).toEqual(["'append'"]);
  expect(modesToldApart("type M = 'append' | 'upsert'; z.enum(['append', 'upsert'])")).toHaveLength(4);
  expect(modesToldApart('const f = { append: 1, latest: 2 }')).toHaveLength(2);
  expect(modesToldApart("const declared = { mode: 'append' }; catalog.latest()")).toEqual([]);
});

test('no file but their homes tells the modes of canonical tables apart', () => {
  const files = names.flatMap(name => [...importsIn(name).keys()].map(path => join(name, 'src', path)));
  const found = files.map(path => [path, modesToldApart(readFileSync(join(packages, path), 'utf8'))] as const);
  expect(found.flatMap(([path, modes]) => (modes.length > 0 ? [path] : [])).sort()).toEqual([...homesOfModes].sort());
});

/**
 * Whether a test file has a sample of a campaign, but lacks the tag with which the campaigns run
 * it.
 */
const lacksTag = (code: string): boolean =>
  /\b(sampleOf|campaign)\(/.test(code) && !/tags: \['campaign'\]|\bsampled\(|^\/\/ @module-tag campaign$/m.test(code);

test('each file of which `npm test` runs a sample runs in the campaigns too', () => {
  expect(lacksTag("test.each(sampleOf(cases, 1))('x %s', () => {})")).toBe(true);
  expect(lacksTag("test.each(sampleOf(cases, 1))('x %s', { tags: ['campaign'] }, () => {})")).toBe(false);
  const files = filesOf('*.test.ts').filter(path => !path.startsWith('tooling/api/src/structure.'));
  expect(files.filter(path => lacksTag(readFileSync(join(root, path), 'utf8')))).toEqual([]);
});
