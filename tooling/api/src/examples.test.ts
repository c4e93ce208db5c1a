import { readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { declarationsFor, host, options, problemsOf } from './compile.js';
import { entries } from './entries.js';

interface Example {
  name: string;
  code: string;
}

/** Returns the code after `@example` in the declarations of a module's exports. */
function examplesOf(types: string): Example[] {
  const program = ts.createProgram([types], options, host);
  const files = program.getSourceFiles().filter(file => file.fileName.startsWith(dirname(types)));
  return files.flatMap(file => {
    const found: Example[] = [];
    const visit = (node: ts.Node) => {
      for (const tag of ts.getJSDocTags(node))
        if (tag.tagName.text === 'example' && tag.parent.parent === node) {
          const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
          const code = (ts.getTextOfJSDocComment(tag.comment) ?? '').replace(/^```\w*\n|```\s*$/gm, '');
          found.push({ name: `${relative(dirname(types), file.fileName)}:${line}`, code });
        }
      ts.forEachChild(node, visit);
    };
    visit(file);
    return found;
  });
}

const all = entries();
const program = ts.createProgram(
  all.map(({ types }) => types),
  options,
  host,
);
const checker = program.getTypeChecker();

/** Returns the exported names of a module, for the imports that an example leaves out. */
function valuesOf(types: string): string[] {
  const file = program.getSourceFile(types);
  const module = file && checker.getSymbolAtLocation(file);
  return module === undefined ? [] : checker.getExportsOfModule(module).map(({ name }) => name);
}

/** Returns imports of the names that the code uses without importing them. */
function importsFor(code: string, modules: readonly { name: string; values: readonly string[] }[]): string {
  const taken = new Set<string>();
  return modules
    .map(({ name, values }) => {
      const used = values.filter(value => !taken.has(value) && new RegExp(`\\b${value}\\b`).test(code));
      for (const value of used) taken.add(value);
      return used.length === 0 || /^import /m.test(code) ? '' : `import { ${used.join(', ')} } from '${name}';`;
    })
    .filter(Boolean)
    .join('\n');
}

/** Fails if examples are no longer found. */
const withExamples = [
  '@quantbot/infra',
  '@quantbot/infra/bus',
  '@quantbot/infra/utils',
  '@quantbot/storage',
  '@quantbot/backtest',
  '@quantbot/lab',
];

const modules = all.map(({ name, types }) => ({ name, values: valuesOf(types) }));

test.each(all)('the examples in the doc comments of $name compile', { timeout: 120_000 }, ({ name, types }) => {
  const own = [...modules].sort((a, b) => Number(b.name === name) - Number(a.name === name));
  const examples = examplesOf(types);
  expect(examples.length > 0, `${name} has examples`).toBe(withExamples.includes(name));
  for (const { name: where, code } of examples) {
    const module = `${importsFor(code, own)}\nimport { z } from 'zod';\n${declarationsFor(code)}\n${code}\nexport {};\n`;
    expect(problemsOf(module), `${where}\n${module}`).toEqual([]);
  }
});

test('an example that does not compile is found', () => {
  expect(problemsOf("import { submitArtifact } from '@quantbot/infra/utils';\nawait submitArtifact({});")).toHaveLength(
    1,
  );
  expect(readFileSync(fileURLToPath(import.meta.url), 'utf8')).toContain('problemsOf');
});
