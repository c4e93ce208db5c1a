import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Records each module that Node loads: imported ones by a hook, required ones at the end. */
const preload = list => `
import { appendFileSync } from 'node:fs';
import Module, { register } from 'node:module';
const hook = \`
import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(list)}, 'import ' + url + '\\\\n');
  return next(url, context);
}\`;
register('data:text/javascript,' + encodeURIComponent(hook));
process.on('exit', () => {
  for (const path of Object.keys(Module._cache)) appendFileSync(${JSON.stringify(list)}, 'require ' + path + '\\n');
});`;

/**
 * Runs a program with Node.js and returns the packages it has loaded, by name: all of them, and
 * those that were imported rather than required.
 */
export function loadedPackages(args, { cwd, env = process.env } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'loaded-'));
  try {
    const list = join(folder, 'modules');
    const preloaded = `data:text/javascript,${encodeURIComponent(preload(list))}`;
    const run = spawnSync(process.execPath, ['--import', preloaded, ...args], { cwd, env, encoding: 'utf8' });
    const lines = readFileSync(list, 'utf8').split('\n');
    const imported = lines.filter(line => line.startsWith('import '));
    return { ...run, packages: packagesOf(lines), imported: packagesOf(imported) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns the names of packages. Those of this repository are links, whose files are elsewhere. */
const packagesOf = lines =>
  [...new Set(lines.flatMap(line => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(line)?.[1] ?? []))].sort();
