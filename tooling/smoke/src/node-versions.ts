import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './tarballs.js';

/** A Node.js version to test the packages on. */
export interface Runtime {
  version: string;
  /** The path of the program. */
  node: string;
}

/** Returns the running Node.js, and other major versions that can be downloaded. */
export function runtimes(majors: readonly number[], folder: string): { found: Runtime[]; missing: number[] } {
  const found: Runtime[] = [{ version: process.version, node: process.execPath }];
  const missing: number[] = [];
  for (const major of majors.filter(other => !process.version.startsWith(`v${other}.`))) {
    try {
      const script = 'console.log(JSON.stringify([process.version, process.execPath]))';
      const output = run('npx', ['--yes', '-p', `node@${major}`, 'node', '-e', script], folder, withoutPnpm());
      const [version = '', node = ''] = JSON.parse(output) as string[];
      found.push({ version, node });
    } catch {
      missing.push(major);
    }
  }
  return { found, missing };
}

/** Returns the path of npm's script, which any Node.js can run. */
export const npmCli = (): string =>
  join(dirname(realpathSync(run('sh', ['-c', 'command -v npm'], '.').trim())), 'npm-cli.js');

/**
 * Returns a clean environment: without variables of the package manager that runs the tests, and
 * with this Node.js first in PATH.
 */
export function environmentOf(runtime: Runtime): NodeJS.ProcessEnv {
  return { ...withoutPnpm(), PATH: `${dirname(runtime.node)}:${process.env.PATH}`, npm_config_registry: registry() };
}

/**
 * Returns this machine's registry. npm looks for global settings beside the Node.js that runs it,
 * but a downloaded version has none.
 */
function registry(): string {
  known ??= run('npm', ['config', 'get', 'registry'], tmpdir(), withoutPnpm()).trim();
  return known;
}

let known: string | undefined;

function withoutPnpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(?!config_registry)|PNPM_|VITEST|NODE_(?!EXTRA_CA)|QUANTBOT_|INIT_CWD)/.test(name),
    ),
  );
}
