import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadedPackages } from '@quantbot/tooling-config/loaded-packages';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, drain } from '../support/daemon-process.js';
import { daemonFolder } from '../support/scripts.js';

const packageJson = JSON.parse(readFileSync(join(daemonFolder, 'package.json'), 'utf8'));

test.each([['--version'], ['--help'], ['query --help'], ['completion bash'], ['complete -- st']])(
  '%s loads nothing but the tree of commands',
  args => {
    const { status, packages } = loadedPackages([cliPath, ...args.split(' ')]);
    expect({ status, packages }).toEqual({ status: 0, packages: ['@bomb.sh/tab', 'commander'] });
  },
);

test('a mistyped option is answered without the code of its command', () => {
  const { status, packages } = loadedPackages([cliPath, 'status', '--jso']);
  expect({ status, packages }).toEqual({ status: 1, packages: ['@bomb.sh/tab', 'commander'] });
});

test('status loads DuckDB and what checks the files of the bus, and no other library', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const { stdout, packages, imported } = loadedPackages([cliPath, 'status', '--config', bus.configPath]);
  expect(stdout).toContain('0 ingested');
  const others = packages.filter(name => !name.startsWith('@duckdb/'));
  expect(others).toEqual(['@bomb.sh/tab', 'commander', 'detect-libc', 'fastest-levenshtein', 'p-map']);
  expect(packages).toContain('@duckdb/node-api');
  expect(imported).not.toContain('@duckdb/node-api'); // it is required, which takes half the time
});

test('a thread that works on files loads no library', () => {
  const worker = `new (require('node:worker_threads').Worker)(${JSON.stringify(join(dirname(cliPath), 'file-thread.js'))}).unref()`;
  const { status, packages } = loadedPackages(['-e', `${worker}; setTimeout(() => {}, 1000)`]);
  expect({ status, packages }).toEqual({ status: 0, packages: [] });
});

test('an old Node.js gets one sentence, and nothing is imported', () => {
  const folder = temporaryFolder();
  const bin = join(folder, 'cli.js');
  copyFileSync(cliPath, bin); // alone, so that an import would fail
  const { stderr, status } = run(['20.18.3', bin, '--version']);
  expect(stderr).toBe('quantbot-bus needs Node.js 20.19 or newer, and this is 20.18.3: install a newer one.\n');
  expect(status).toBe(1);
  expect(run(['9.11.2', bin]).status).toBe(1);
  expect(packageJson.engines.node).toBe('>=20.19');
  for (const version of ['20.19.0', '22.0.0', '100.0.0']) {
    const { stdout } = run([version, cliPath, '--version']);
    expect(stdout).toBe(`${packageJson.version}\n`);
  }
  // What Node.js before version 14 can parse: no static import, no await at the top level.
  expect(() => new Function(readFileSync(bin, 'utf8').replace(/^#!.*/, ''))).not.toThrow();

  /** Runs a program on a Node.js that claims to have this version. */
  function run([version, ...args]: [version: string, ...args: string[]]) {
    const preload = join(folder, `${version}.cjs`);
    writeFileSync(preload, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
    return spawnSync(process.execPath, ['--require', preload, ...args], { encoding: 'utf8' });
  }
});
