#!/usr/bin/env node
// Runs one of the repository's tasks on a machine that has only Node and npm: fetches the pinned
// pnpm through npx, installs the locked dependencies, then hands over to the `task:<name>` script
// of package.json.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [task, ...rest] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node ${process.versions.node} is too old. Try: install Node 20.19 or newer, then run this again.`);
  process.exit(1);
}
if (!manifest.scripts[`task:${task}`]) {
  console.error(`There is no task '${task}'. Try: npm test, npm run demo, npm run check`);
  process.exit(1);
}

const pinned = `pnpm@${manifest.devEngines.packageManager.version}`;
const startedByPnpm = (process.env.npm_config_user_agent ?? '').startsWith('pnpm/');

// An outer npx (npx -p node@24 -- npm test) passes its own packages to all processes below it. The
// inner npx would then look for pnpm in them.
const { npm_config_package: _package, npm_config_call: _call, ...env } = process.env;

/** Runs pnpm in the repository's root. If a step fails, exits with its exit code. */
function pnpm(...args) {
  const [command, prefix] = startedByPnpm ? ['pnpm', []] : ['npx', ['--yes', pinned]];
  const done = spawnSync(command, [...prefix, ...args], { cwd: root, stdio: 'inherit', env });
  if (done.error) throw done.error;
  if (done.status !== 0) process.exit(done.status ?? 1);
}

pnpm('install', '--frozen-lockfile');
pnpm('run', `task:${task}`, ...rest);
