#!/usr/bin/env node
// Lists the titles of all tests, and marks those that `npm test` leaves to the campaigns today. It
// needs a build. It fails if a test is in neither.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = mkdtempSync(join(tmpdir(), 'quantbot-tests-'));

/** Returns the tests of a package in a kind of run: `hand`, `sample` or `whole`. */
async function testsOf(cwd, mode) {
  const file = join(out, `${basename(cwd)}-${mode}.json`);
  const { CAMPAIGNS: _, FC_SEED = String(Math.floor(Date.now() / 86_400_000)), ...rest } = process.env;
  const env = { ...rest, FC_SEED };
  if (mode !== 'hand') env.CAMPAIGNS = mode;
  const tags = mode === 'whole' ? ['--tags-filter', 'campaign'] : [];
  const vitest = join(cwd, 'node_modules/.bin/vitest');
  await promisify(execFile)(vitest, ['list', ...tags, `--json=${file}`], { cwd, env, maxBuffer: 2 ** 30 });
  const tests = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  return tests.map(test => `${test.file.slice(root.length + 1)} > ${test.name}`);
}

/** Returns the lines of a package: each test, and the runs that include it. */
async function linesOf(folder) {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (!scripts.test && !scripts['test:integration']) return [];
  const hand = await testsOf(folder, 'hand');
  const sample = new Set(await testsOf(folder, 'sample'));
  const whole = new Set(scripts['test:campaigns'] ? await testsOf(folder, 'whole') : []);
  return hand.map(test => `${sample.has(test) ? '     ' : whole.has(test) ? 'later' : 'LOST '} ${test}`);
}

const names = ['packages', 'tooling'].flatMap(group => readdirSync(join(root, group)).map(name => join(group, name)));
const folders = [...names, 'examples']
  .map(name => join(root, name))
  .filter(folder => existsSync(join(folder, 'vitest.config.ts')));
const lines = new Map();
const waiting = [...folders];
async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) lines.set(next, await linesOf(next));
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
rmSync(out, { recursive: true });
for (const line of folders.flatMap(folder => lines.get(folder))) {
  console.log(line);
  if (line.startsWith('LOST')) process.exitCode = 1;
}
