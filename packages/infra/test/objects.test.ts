import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { loadedPackages } from '@quantbot/tooling-config/loaded-packages';
import { startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './support/folders.js';

const door = JSON.stringify(join(import.meta.dirname, '../dist/objects/index.js'));

/** Runs code with the built `@quantbot/infra/objects`, without the packages that S3 needs. */
function withoutPackages(code: string, env: Record<string, string> = {}): string {
  const hook = `export const resolve = (name, context, next) => {
    if (new RegExp(process.env.MISSING).test(name)) throw Object.assign(new Error('missing'), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  };`;
  const program = `import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    const { openObjects } = await import(${door});
    try { ${code} } catch (error) { console.log(error.code, error.hint); }`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: temporaryFolder(), MISSING: '^(aws4|@aws-sdk)', ...env },
  });
}

test('s3:// without its package is an error with the command that installs it', () => {
  expect(withoutPackages("await openObjects('s3://bus/x');")).toBe('OBJECT_CLIENT_MISSING Run `npm install aws4`.\n');
});

test('s3:// without credentials is an error that says how to give them', () => {
  const told = withoutPackages("await (await openObjects('s3://bus/x')).head('a');", { MISSING: '^@aws-sdk' });
  expect(told).toMatch(/^OBJECT_STORE_DENIED Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE\./);
  expect(told).toContain('npm install @aws-sdk/credential-provider-node');
});

test('a shared folder needs no package at all', () => {
  const root = `file://${temporaryFolder()}/x`;
  const { stdout, packages } = loadedPackages([
    '--input-type=module',
    '-e',
    `import { openObjects } from ${door};
     const objects = await openObjects('${root}');
     console.log(await objects.create('a/b', Buffer.from('x')), (await objects.list('')).length);`,
  ]);
  expect(stdout).toBe('created 1\n');
  expect(packages).not.toContain('aws4');
});

const racer = `const { openObjects } = await import(${door});
  const objects = await openObjects(process.env.ROOT);
  const created = [];
  const one = async key => {
    if ((await objects.create(key, Buffer.from(process.env.NAME))) === 'created') created.push(key);
  };
  for (let first = 0; first < 100; first += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => one('inbox/deep/' + (first + i))));
  console.log(JSON.stringify(created));`;

const race = (name: string, env: Record<string, string>): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const options = { encoding: 'utf8' as const, env: { ...process.env, ...env, NAME: name } };
    execFile(process.execPath, ['--input-type=module', '-e', racer], options, (error, stdout) =>
      error === null ? resolve(JSON.parse(stdout)) : reject(error),
    );
  });

test.each(versitygw === undefined ? ['file'] : ['file', 's3'])(
  'of four processes that create the same keys of %s://, one creates each',
  async kind => {
    const env: Record<string, string> = { ROOT: `file://${temporaryFolder()}/root` };
    if (kind === 's3') {
      const server = await startS3();
      onTestFinished(server.stop);
      Object.assign(env, server.env, { ROOT: 's3://bus/root' });
    }
    const names = ['a', 'b', 'c', 'd'];
    const created = await Promise.all(names.map(name => race(name, env)));
    expect(created.flat().sort()).toEqual(Array.from({ length: 100 }, (_, i) => `inbox/deep/${i}`).sort());
    const reader = `const { openObjects } = await import(${door});
    const objects = await openObjects(process.env.ROOT);
    const content = {};
    for (const { key } of await objects.list('')) content[key] = String(await objects.read(key, 10));
    console.log(JSON.stringify(content));`;
    const options = { encoding: 'utf8' as const, env: { ...process.env, ...env } };
    const content = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', reader], options));
    expect(content).toEqual(Object.fromEntries(created.flatMap((keys, i) => keys.map(key => [key, names[i]]))));
  },
  60_000,
);
