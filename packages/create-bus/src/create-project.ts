import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What to create. */
export interface ProjectOptions {
  folder: string;
  language: 'typescript' | 'python';
  /** A folder with the tarballs of a checkout; undefined for released packages. */
  packed: string | undefined;
}

/** Resolves the package's own folder from `dist/`. */
const own = resolve(import.meta.dirname, '..');

/**
 * Writes the files of a project. Installs nothing.
 *
 * @throws Error if the folder has files, or `packed` has no tarballs.
 */
export function createProject({ folder, language, packed }: ProjectOptions): void {
  const into = resolve(folder);
  if (existsSync(into) && readdirSync(into).length > 0)
    throw new Error(`${folder} is not empty. Choose another folder, such as ${folder}-2.`);
  const needed = language === 'python' ? ['bus-daemon'] : ['bus-daemon', 'infra', 'storage'];
  const dependencies = packed === undefined ? released(needed) : tarballsIn(packed);
  cpSync(join(own, 'templates', language), into, { recursive: true });
  // npm leaves files of this name out of a package.
  renameSync(join(into, 'gitignore'), join(into, '.gitignore'));
  const path = join(into, 'package.json');
  const template = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, `${JSON.stringify({ ...template, name: nameOf(into), dependencies }, null, 2)}\n`);
  if (language === 'python' && packed !== undefined) requirePackage(into, join(dirname(resolve(packed)), 'python'));
}

/** The packages of the bus share one version. */
function released(names: readonly string[]): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { version: string };
  return Object.fromEntries(names.map(name => [`@quantbot/${name}`, `^${version}`]));
}

/** Has pip install the Python package of a checkout, because no registry has it either. */
function requirePackage(into: string, checkout: string): void {
  if (!existsSync(join(checkout, 'pyproject.toml')))
    throw new Error(`There is no Python package in ${checkout}. Name the folder \`packed\` of a checkout.`);
  const path = join(into, 'requirements.txt');
  const named = readFileSync(path, 'utf8').trim();
  writeFileSync(path, `${named} @ ${pathToFileURL(checkout)}\n`);
}

/** All of them: those that a package needs are in no registry, either. */
function tarballsIn(packed: string): Record<string, string> {
  const folder = resolve(packed);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const found = files.flatMap(file => {
    const name = /^quantbot-(.+?)-\d+\.\d+\.\d+.*\.tgz$/.exec(file)?.[1];
    return name === undefined ? [] : [[`@quantbot/${name}`, `file:${join(folder, file)}`] as const];
  });
  if (found.length === 0) throw new Error(`There are no tarballs in ${packed}. Run \`npm run pack\` in the checkout.`);
  return Object.fromEntries(found);
}

const nameOf = (folder: string): string =>
  basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '') || 'my-bus';
