// @module-tag campaign
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';
import { blocksOf, type GuideBlock, missingIn } from '../support/guide.js';
import { hasPython, pythonWithDataTools, skippedWithoutPython } from '../support/python.js';
import { daemonFolder, repository } from '../support/scripts.js';
import { startShell, type TypedShell } from '../support/typed-shell.js';

const guide = join(repository, 'docs/guides/migration.md');

test.skipIf(!hasPython)(
  `every file and command of docs/guides/migration.md does what the page says${skippedWithoutPython}`,
  { timeout: 600_000 },
  async context => {
    const python = pythonWithDataTools();
    if (python === undefined) {
      console.log('skipped: DuckDB for Python cannot be installed here');
      return context.skip();
    }
    const folder = projectOf(python);
    const path = [join(folder, 'node_modules/.bin'), dirname(python), process.env.PATH].join(delimiter);
    const shell = startShell(folder, { PATH: path, PYTHONDONTWRITEBYTECODE: '1', TMPDIR: join(folder, 'tmp') });
    try {
      for (const block of blocksOf(readFileSync(guide, 'utf8'))) await tryBlock(folder, shell, block);
    } finally {
      await shell.end();
    }
  },
);

let output = '';

/**
 * Executes a block of the page, or compares the output that it shows with the real output of the
 * commands before it.
 */
async function tryBlock(folder: string, shell: TypedShell, block: GuideBlock): Promise<void> {
  const wrong = (what: string) => new Error(`migration.md:${block.line}: ${what}\n${output}`);
  if (block.kind === 'file') {
    mkdirSync(dirname(join(folder, block.path)), { recursive: true });
    writeFileSync(join(folder, block.path), block.content);
  } else if (block.kind === 'commands') {
    const typed = await shell.type(block.commands);
    output = typed.output;
    if (typed.failures.join() !== (block.exitCode === 0 ? '' : String(block.exitCode)))
      throw wrong(`exit codes ${typed.failures.join() || 0} instead of ${block.exitCode}`);
    if (/&$/m.test(block.commands)) await daemonIsReady(folder);
  } else {
    const missing = missingIn(output, block.lines);
    if (missing.length > 0) throw wrong(`these lines are not in what was printed:\n${missing.join('\n')}\n--`);
  }
}

/**
 * A project like that of the guide's reader: with the packages and this repository's `scripts/`.
 */
function projectOf(python: string): string {
  const folder = temporaryFolder();
  const modules = join(folder, 'node_modules');
  const bin = join(modules, '.bin');
  for (const path of [bin, join(modules, '@quantbot'), join(modules, '@duckdb'), join(folder, 'tmp')])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  for (const name of ['infra', 'storage', 'bus-daemon'])
    symlinkSync(join(repository, 'packages', name), join(modules, '@quantbot', name));
  symlinkSync(join(daemonFolder, 'node_modules/@duckdb/node-api'), join(modules, '@duckdb/node-api'));
  symlinkSync(join(repository, 'scripts'), join(folder, 'scripts'));
  command(join(bin, 'quantbot-bus'), process.execPath, cliPath);
  command(join(bin, 'tsx'), process.execPath, fileURLToPath(import.meta.resolve('tsx/cli')));
  command(join(bin, 'python3'), python);
  return folder;
}

function command(path: string, ...words: string[]): void {
  writeFileSync(path, `#!/bin/sh\nexec ${words.map(word => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
}

/** A person sees it in the log. */
const daemonIsReady = (folder: string) =>
  eventually(
    () =>
      readFileSync(join(folder, 'bus.log'), 'utf8')
        .split('\n')
        .findLast(line => line.includes('bus daemon ')) ?? '',
    line => line.includes('bus daemon ready'),
    20_000,
  );
