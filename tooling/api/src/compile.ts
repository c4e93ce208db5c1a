import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const folder = dirname(fileURLToPath(import.meta.url));
/** The compiler options of a program that uses the packages. */
export const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  typeRoots: [join(folder, '../../../node_modules/@types')],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Parses each file once, since every program reads the same libraries. */
export const host = ts.createCompilerHost(options, true);
const { getSourceFile } = host;
host.getSourceFile = (name, ...rest) => {
  if (!parsed.has(name)) parsed.set(name, getSourceFile(name, ...rest));
  return parsed.get(name);
};

/** Returns the compiler's complaints about code, compiled as a module of this folder. */
export function problemsOf(code: string): string[] {
  const path = join(folder, 'example.mts');
  const source = ts.createSourceFile(
    path,
    code,
    { languageVersion: ts.ScriptTarget.ES2022, impliedNodeFormat: ts.ModuleKind.ESNext },
    true,
  );
  const program = ts.createProgram([path], options, {
    ...host,
    fileExists: name => name === path || host.fileExists(name),
    readFile: name => (name === path ? code : host.readFile(name)),
    getSourceFile: (name, ...rest) => (name === path ? source : host.getSourceFile(name, ...rest)),
  });
  return ts
    .getPreEmitDiagnostics(program, source)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** Declarations of names that examples use without declaring them. */
const given: Record<string, string> = {
  artifact: "import('@quantbot/infra/utils').SubmitArtifactOptions",
  catalog: "import('@quantbot/storage').Catalog",
  writer: "import('@quantbot/lab').SimulationArtifactWriter",
  preset: "ReturnType<typeof import('@quantbot/lab').parsePreset>",
  result: "ReturnType<typeof import('@quantbot/lab').simulate>",
  plan: "import('@quantbot/backtest').SlicePlan",
  keepTheFileForLater: '() => void',
  runId: 'string',
  presetName: 'string',
  outputDir: 'string',
};

/** Returns the declarations that an example needs. */
export const declarationsFor = (code: string): string =>
  Object.entries(given)
    .filter(([name]) => new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`\\b(const|using) ${name}\\b`).test(code))
    .map(([name, type]) => `declare const ${name}: ${type};`)
    .join('\n');
