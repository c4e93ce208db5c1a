import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { hasPython } from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

const page = readFileSync(join(repository, 'docs/getting-started.md'), 'utf8');
const fence = '`'.repeat(3);
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^${fence}${language}\\n([\\s\\S]*?)^${fence}$`, 'gm'))].map(([, code = '']) => code);

/** Runs a program in the folder of a bus, like a reader of the page, and returns its output. */
async function run(bus: TestBus, name: string, content: string): Promise<string> {
  writeFileSync(join(bus.folder, name), content);
  const [command, args, env] = name.endsWith('.py')
    ? ['python3', [name], { PYTHONPATH: join(repository, 'python/src') }]
    : [join(import.meta.dirname, '../../node_modules/.bin/tsx'), [name], {}];
  const child = startChild(command as string, args as string[], bus.folder, env as NodeJS.ProcessEnv);
  await child.ended;
  return child.stdout() + child.stderr();
}

test('docs/getting-started.md, from the first artifact in TypeScript and Python to reading it back', async context => {
  const bus = makeTestBus();
  const scope = join(bus.folder, 'node_modules/@quantbot');
  mkdirSync(scope, { recursive: true });
  for (const name of ['infra', 'storage']) symlinkSync(join(repository, 'packages', name), join(scope, name));
  const daemon = await spawnDaemon(bus);
  const [first = '', reading = ''] = blocks('ts');
  expect(await run(bus, 'first.mts', first)).toBe('ingested as seq 1\n');
  expect(await run(bus, 'first.mts', first)).toBe('duplicate as seq 2\n');
  expect(await run(bus, 'other.mts', first.replace('4501', '4502'))).toContain('ARTIFACT_CONFLICT');
  await eventually(
    () => query(bus, "SELECT 1 FROM catalog.exports_d WHERE name = 'trades' AND ok"),
    rows => rows.length === 1,
  );
  expect(await run(bus, 'reading.mts', reading)).toMatch(/^2\n.*first-run@trades.parquet 2\n$/);
  if (!hasPython) return context.skip('no python3');
  const [python = ''] = blocks('python');
  expect(await run(bus, 'first.py', python)).toBe('ingested\n');
  const shell = /^\$ npx quantbot-bus (submit .*)$/m.exec(page)?.[1] ?? '';
  expect((await quantbotBus(bus, ...shell.split(' '))).stdout).toMatch(/^ingested .*, seq 5\n/);
  expect(await query(bus, 'SELECT count(*)::INTEGER AS n FROM canon.trades')).toEqual([{ n: 6 }]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});
