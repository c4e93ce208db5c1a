import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const built = join(import.meta.dirname, '../dist/index.js');

/** Runs code in a new process, with the built package as `infra`. */
function run(code: string, env: Record<string, string> = {}) {
  const program = `import * as infra from ${JSON.stringify(built)};\n${code}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
}

const files = join(import.meta.dirname, '../dist/files/index.js');
const passThree = `const { faultPoint } = await import(${JSON.stringify(files)});
for (let i = 1; i <= 3; i++) { faultPoint('here'); faultPoint('elsewhere'); console.log(i); }`;

test.each([
  ['here', ''],
  ['here#1', ''],
  ['here#3', '1\n2\n'],
])('an armed fault point %s kills the process at that moment, and nothing after it runs', (point, output) => {
  const { signal, stdout } = run(passThree, { QUANTBOT_FAULT_POINT: point });
  expect(signal).toBe('SIGKILL');
  expect(stdout).toBe(output);
});

test.each(['', 'nowhere', 'here#4'])('a fault point that is not reached does nothing: %j', point => {
  expect(run(passThree, { QUANTBOT_FAULT_POINT: point })).toMatchObject({ status: 0, stdout: '1\n2\n3\n' });
});

test('a logger writes JSON lines on standard error, none below its level', () => {
  const { stdout, stderr } = run(
    `const log = infra.createLogger({ name: 'test' }); log.info({ jobs: 2 }, 'batch'); log.debug('hidden'); process.exit(0);`,
    { QUANTBOT_LOG_LEVEL: '' },
  );
  expect(stdout).toBe('');
  expect(
    stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toEqual([
    expect.objectContaining({ name: 'test', level: 30, msg: 'batch', jobs: 2, time: expect.stringMatching(/Z$/) }),
  ]);
});

test('the level of a logger comes from the environment when it is not given', () => {
  const code = `infra.createLogger({ name: 'a' }).info('a'); infra.createLogger({ name: 'b', level: 'info' }).info('b');`;
  const { stderr } = run(code, { QUANTBOT_LOG_LEVEL: 'error' });
  expect(
    stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).name),
  ).toEqual(['b']);
});

test('both entry points share their error classes', () => {
  const utils = join(import.meta.dirname, '../dist/utils/index.js');
  const { stdout } = run(
    `const u = await import(${JSON.stringify(utils)}); console.log(u.BusError === infra.BusError);`,
  );
  expect(stdout.trim()).toBe('true');
});
