import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const folder = dirname(fileURLToPath(import.meta.url));
/** As a program that uses the packages is compiled. */
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

/** What the compiler says of a piece of code as a module of this folder. */
export function problemsOf(code: string): string[] {
  const path = join(folder, 'example.mts');
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = name => name === path || fileExists(name);
  host.readFile = name => (name === path ? code : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, code, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file?.fileName === path)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** What examples take for granted, as their sentences do. */
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

/** Declarations of those that an example uses and does not make. */
export const declarationsFor = (code: string): string =>
  Object.entries(given)
    .filter(([name]) => new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`\\b(const|using) ${name}\\b`).test(code))
    .map(([name, type]) => `declare const ${name}: ${type};`)
    .join('\n');
