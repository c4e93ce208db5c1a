import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBusConfig } from '@quantbot/infra/config';
import { startChild } from '@quantbot/tooling-testing/child';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';

async function run(folder: string, ...args: string[]) {
  const child = startChild(process.execPath, [cliPath, ...args], folder);
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

test('init writes a configuration that says what nothing says, and that the daemon starts with', async () => {
  const [folder, without] = [temporaryFolder(), temporaryFolder()];
  const path = join(folder, 'bus_config.json');
  const written = await run(folder, 'init');
  expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining('Next: pnpm --filter bus-daemon start') });
  expect(written.stdout).toContain(
    `Producers may write to ${folder}/data/bus/inbox and ${folder}/data/bus/staging; only the daemon's user`,
  );
  expect(written.stdout).not.toContain('chmod');
  const { config } = findBusConfig({ cwd: folder, env: {} });
  const defaults = findBusConfig({ cwd: without, env: {} }).config;
  expect(JSON.stringify(config).replaceAll(folder, '')).toBe(JSON.stringify(defaults).replaceAll(without, ''));
  expect(readFileSync(path, 'utf8')).toContain('// How often the inbox is scanned in full');
  expect(await run(folder, 'start', '--drain')).toMatchObject({ code: 0 });
  expect((await run(folder, 'status')).stdout).toContain(`bus       ${folder}/data/bus\n`);
});

test('init writes over nothing unless told to', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'my.json');
  writeFileSync(path, '{}');
  const refused = await run(folder, 'init', 'my.json');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^CONFIG_EXISTS: [\s\S]*Try: .*--force/) });
  expect(readFileSync(path, 'utf8')).toBe('{}');
  expect(JSON.parse((await run(folder, 'init', 'my.json', '--force', '--json')).stdout)).toEqual({ path });
  expect(readFileSync(path, 'utf8')).toContain('"bus_root"');
});

test('a mistyped setting is told with the one that was meant', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bus_config.json'), '{ "poll_intervall_s": 1 } // mine');
  const { code, stderr } = await run(folder, 'status');
  expect(code).toBe(1);
  expect(stderr).toContain('Did you mean poll_interval_s?');
});
