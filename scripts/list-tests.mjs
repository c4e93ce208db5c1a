#!/usr/bin/env node
// Lists the titles of all tests, and marks those that `npm test` leaves to the campaigns today. It
// needs a build. It fails if a test is in neither.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = mkdtempSync(join(tmpdir(), 'quantbot-tests-'));

/** The tests of a package as a run takes them: `hand`, `sample` or `whole`. */
function testsOf(cwd, mode) {
  const file = join(out, 'tests.json');
  const { CAMPAIGNS: _, FC_SEED = String(Math.floor(Date.now() / 86_400_000)), ...rest } = process.env;
  const env = { ...rest, FC_SEED };
  if (mode !== 'hand') env.CAMPAIGNS = mode;
  execFileSync('npx', ['vitest', 'list', `--json=${file}`], { cwd, env, stdio: 'ignore' });
  const tests = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  rmSync(file, { force: true });
  return tests.map(test => `${test.file.slice(root.length + 1)} > ${test.name}`);
}

const folders = ['packages', 'tooling'].flatMap(group => readdirSync(join(root, group)).map(name => join(group, name)));
let lost = 0;
for (const folder of [...folders, 'examples'].map(name => join(root, name))) {
  if (!existsSync(join(folder, 'vitest.config.ts'))) continue;
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (!scripts.test && !scripts['test:integration']) continue;
  const [sample, whole] = ['sample', 'whole'].map(mode => new Set(testsOf(folder, mode)));
  for (const test of testsOf(folder, 'hand')) {
    const isLost = !sample.has(test) && !(whole.has(test) && scripts['test:campaigns']);
    if (isLost) lost += 1;
    console.log(`${isLost ? 'LOST ' : sample.has(test) ? '     ' : 'later'} ${test}`);
  }
}
rmSync(out, { recursive: true });
process.exitCode = lost > 0 ? 1 : 0;
