import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';

const shells = ['bash', 'zsh', 'fish'] as const;
const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** A folder with `quantbot-bus` in `bin/`, like an installation. */
function installed(): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = temporaryFolder();
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'quantbot-bus'), `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`);
  chmodSync(join(bin, 'quantbot-bus'), 0o755);
  return { folder, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } };
}

/** Returns bash's suggestions at Tab after these words, once the script is sourced. */
function offeredByBash(...words: string[]): string[] {
  const { folder, env } = installed();
  writeFileSync(join(folder, 'old.duckdb'), '');
  const script = `
set -eu
source <(quantbot-bus completion bash)
set +eu
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=\${#COMP_LINE}
compopt() { echo "compopt $*" >> options; }
touch options
complete -p quantbot-bus > registered
$(sed 's/.*-F \\([^ ]*\\) .*/\\1/' registered) quantbot-bus "\${COMP_WORDS[COMP_CWORD]}" ''
[ \${#COMPREPLY[@]} -gt 0 ] || ! grep -q -- '-o default' registered || grep -q '+o default' options || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', ...words], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter(Boolean).sort();
}

test.each([
  [
    ['quantbot-bus', 'st'],
    ['start', 'status'],
  ],
  [
    ['quantbot-bus', 'catalog', 'l'],
    ['latest', 'lineage'],
  ],
  [
    ['quantbot-bus', 'catalog', 'latest', '--a'],
    ['--artifact', '--as-of'],
  ],
  [
    ['quantbot-bus', 'query', '--format', ''],
    ['arrow', 'csv', 'json', 'parquet', 'table'],
  ],
  [['quantbot-bus', 'jobs', '--state', 'un'], ['uncommitted']],
  [
    ['quantbot-bus', 'completion', ''],
    ['bash', 'fish', 'powershell', 'zsh'],
  ],
  [['quantbot-bus', 'adopt', 'old'], ['old.duckdb']],
])('bash completes %j', (words, offered) => {
  expect(offeredByBash(...words)).toEqual(offered);
});

test('bash offers every command that the help shows', () => {
  const { folder, env } = installed();
  const help = spawnSync(join(folder, 'bin/quantbot-bus'), ['--help'], { cwd: folder, env, encoding: 'utf8' }).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
  expect(commands.length).toBeGreaterThan(15);
  expect(offeredByBash('quantbot-bus', '')).toEqual(commands.sort());
});

test.each(shells)('the script for %s is one that it can read', shell => {
  const { folder, env } = installed();
  const { status, stdout } = spawnSync(join(folder, 'bin/quantbot-bus'), ['completion', shell], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(stdout).toContain(shell === 'zsh' ? 'compdef _quantbot-bus quantbot-bus' : 'complete -');
  if (!has(shell)) return; // without the shell, only the script's text can be checked
  const read = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' });
  expect({ status: read.status, stderr: read.stderr }).toEqual({ status: 0, stderr: '' });
});
