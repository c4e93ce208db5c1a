import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startChild } from '@quantbot/tooling-testing/child';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { hasPython } from '../support/python.js';
import { repository } from '../support/scripts.js';

const program = join(repository, 'packages/create-bus/dist/create-bus.js');

async function run(folder: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = startChild(command, args, folder, env);
  const { code } = await child.ended;
  return { code, output: child.stdout() + child.stderr() };
}

const create = (folder: string, ...args: string[]) => run(folder, process.execPath, [program, ...args]);

/** Stands for `npm install`: links the packages of the checkout. */
function install(project: string): void {
  const modules = join(project, 'node_modules');
  for (const name of ['.bin', '@quantbot']) mkdirSync(join(modules, name), { recursive: true });
  for (const name of ['infra', 'storage', 'bus-daemon'])
    symlinkSync(join(repository, 'packages', name), join(modules, '@quantbot', name));
  symlinkSync(join(repository, 'tooling/e2e/node_modules/tsx'), join(modules, 'tsx'));
  symlinkSync(join(repository, 'packages/bus-daemon/dist/cli.js'), join(modules, '.bin/quantbot-bus'));
}

const manifestOf = (project: string) => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));

test('a new project depends on the packages of this version, or on tarballs, and is created once', async () => {
  const folder = temporaryFolder();
  const { version } = manifestOf(join(repository, 'packages/create-bus'));
  expect(await create(folder, 'My Lab')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/ {2}cd 'My Lab'\n {2}npm install\n {2}npm test /),
  });
  const project = join(folder, 'My Lab');
  expect(manifestOf(project)).toMatchObject({
    name: 'my-lab',
    dependencies: { '@quantbot/bus-daemon': `^${version}`, '@quantbot/infra': `^${version}` },
  });
  expect(existsSync(join(project, '.gitignore'))).toBe(true);
  expect(await create(folder, 'My Lab')).toMatchObject({ code: 1, output: expect.stringContaining('is not empty') });
  expect(await create(folder)).toMatchObject({ code: 1, output: expect.stringContaining('Usage') });
  expect(await create(folder, 'other', '--packed', 'nowhere')).toMatchObject({
    code: 1,
    output: expect.stringContaining('npm run pack'),
  });
  for (const part of ['packed', 'python']) mkdirSync(join(folder, part));
  writeFileSync(join(folder, 'python/pyproject.toml'), '');
  const tarball = join(folder, 'packed/quantbot-bus-daemon-0.1.0.tgz');
  writeFileSync(tarball, '');
  expect(await create(folder, 'other', '--python', '--packed', 'packed')).toMatchObject({
    code: 0,
    output: expect.stringContaining('pip install -r requirements.txt'),
  });
  expect(manifestOf(join(folder, 'other')).dependencies).toEqual({ '@quantbot/bus-daemon': `file:${tarball}` });
  const requirements = readFileSync(join(folder, 'other/requirements.txt'), 'utf8');
  expect(requirements).toBe(`quantbot-bus[duckdb] @ ${pathToFileURL(join(folder, 'python'))}\n`);
});

sampled('the test of a project in TypeScript passes', async () => {
  const folder = temporaryFolder();
  await create(folder, 'lab');
  install(join(folder, 'lab'));
  const { code, output } = await run(join(folder, 'lab'), 'npm', ['test']);
  expect(code, output).toBe(0);
});

sampled('the test of a project in Python passes', async ({ skip }) => {
  if (!hasPython) skip();
  const folder = temporaryFolder();
  await create(folder, 'lab', '--python');
  install(join(folder, 'lab'));
  const env = { PYTHONPATH: join(repository, 'python/src'), PYTHONDONTWRITEBYTECODE: '1' };
  const { code, output } = await run(join(folder, 'lab'), 'npm', ['test'], env);
  expect(code, output).toBe(0);
});
