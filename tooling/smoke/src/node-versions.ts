import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './tarballs.js';

/** A Node.js to try the packages on. */
export interface Runtime {
  version: string;
  /** The program itself. */
  node: string;
}

/** The Node.js that runs this, and those of other majors as far as they can be fetched. */
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

/** npm as a script, so that any Node.js can run it. */
export const npmCli = (): string =>
  join(dirname(realpathSync(run('sh', ['-c', 'command -v npm'], '.').trim())), 'npm-cli.js');

/**
 * The environment as a terminal has it: nothing of the package manager that runs the tests, this
 * Node.js first.
 */
export function environmentOf(runtime: Runtime): NodeJS.ProcessEnv {
  return { ...withoutPnpm(), PATH: `${dirname(runtime.node)}:${process.env.PATH}`, npm_config_registry: registry() };
}

/**
 * The registry of this machine. npm looks for its global settings beside the Node.js that runs it,
 * where another version has none.
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
