import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { collectProvenance } from './provenance.js';

function repository(): { cwd: string; commit: string } {
  const cwd = temporaryFolder();
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@example.com', ...args], { cwd, encoding: 'utf8' });
  git('init', '--quiet');
  writeFileSync(join(cwd, 'file'), 'a');
  git('add', 'file');
  git('commit', '--quiet', '--no-gpg-sign', '-m', 'first');
  return { cwd, commit: git('rev-parse', 'HEAD').trim() };
}

test('the commit, whether the work tree has been changed since, parameters and versions', async () => {
  const { cwd, commit } = repository();
  const options = { cwd, parameters: { window: 20 }, tools: { strategy: '1.4.0' } };
  expect(await collectProvenance(options)).toEqual({
    git: { commit, dirty: false },
    parameters: { window: 20 },
    tools: { node: process.versions.node, strategy: '1.4.0' },
  });
  writeFileSync(join(cwd, 'untracked'), '');
  expect((await collectProvenance(options)).git?.dirty).toBe(false);
  writeFileSync(join(cwd, 'file'), 'b');
  expect((await collectProvenance(options)).git?.dirty).toBe(true);
});

test('outside of a repository, or without git, there is no commit and no error', async () => {
  const cwd = temporaryFolder();
  expect(await collectProvenance({ cwd })).toEqual({ tools: { node: process.versions.node } });
  expect(await collectProvenance({ cwd: join(cwd, 'missing') })).toEqual({ tools: { node: process.versions.node } });
});
