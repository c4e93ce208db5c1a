import { createToken, readTokens, readTokenUses, revokeToken, sessionOf } from '@quantbot/bus-format/state';
import { createLogger } from '@quantbot/infra';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { Access, type AccessOptions } from './access.js';
import { scopeOf } from './guard-access.js';

const configured = 'the-token-of-the-configuration';
const reading = { read: true, operate: false, submit: [] };
const start = Date.UTC(2026, 10, 28);

function accessTo(options: Partial<AccessOptions> = {}) {
  const busRoot = temporaryFolder();
  const logger = createLogger({ name: 'test', level: 'silent' });
  let time = start;
  const access = new Access({ busRoot, configured: undefined, isPublic: false, now: () => time, logger, ...options });
  const nameOf = (bearer?: string, cookie?: string) => access.callerOf({ bearer, cookie })?.name;
  return {
    access,
    busRoot,
    nameOf,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

test('programs of this machine need a token as soon as there is one, and after the last is revoked', async () => {
  const { access, busRoot } = accessTo();
  expect([access.isNeeded, access.hasTokens]).toEqual([false, false]);
  await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect([access.isNeeded, access.hasTokens]).toEqual([true, true]);
  await revokeToken(busRoot, 'a');
  expect([access.isNeeded, access.hasTokens]).toEqual([true, false]);
  expect(accessTo({ isPublic: true }).access.isNeeded).toBe(true);
  expect(accessTo({ configured }).access).toMatchObject({ isNeeded: true, hasTokens: true });
});

test('a token is known at once, and is refused at once when it is revoked', async () => {
  const { busRoot, nameOf } = accessTo();
  const a = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect(nameOf(a)).toBe('a');
  const b = await createToken(busRoot, { name: 'b', scopes: reading, expiresAt: undefined });
  expect([nameOf(a), nameOf(b)]).toEqual(['a', 'b']);
  await revokeToken(busRoot, 'a');
  expect([nameOf(a), nameOf(b)]).toEqual([undefined, 'b']);
});

test('a new token owns nothing of an earlier token of its name, and neither does a new configured one', async () => {
  const { access, busRoot } = accessTo();
  const ownerOf = (bearer: string, by = access) => by.callerOf({ bearer, cookie: undefined })?.owner;
  const first = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const owner = ownerOf(first);
  expect(access.callerOf({ bearer: undefined, cookie: sessionOf(first) })?.owner).toBe(owner);
  await revokeToken(busRoot, 'a');
  const second = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const owners = [owner, ownerOf(second)];
  for (const secret of [configured, 'another']) owners.push(ownerOf(secret, accessTo({ configured: secret }).access));
  expect(owners).not.toContain(undefined);
  expect(new Set(owners).size).toBe(4);
});

test('a token ends at its time', async () => {
  const { busRoot, nameOf, pass } = accessTo();
  const token = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: new Date(start + 1000) });
  pass(999);
  expect(nameOf(token)).toBe('a');
  pass(1);
  expect(nameOf(token)).toBeUndefined();
});

test('a cookie is no token, a token is no cookie, and what is stored is neither', async () => {
  const { busRoot, nameOf } = accessTo({ configured });
  const token = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect([nameOf(token), nameOf(undefined, sessionOf(token))]).toEqual(['a', 'a']);
  expect([nameOf(configured), nameOf(undefined, sessionOf(configured))]).toEqual([
    'http.token_file',
    'http.token_file',
  ]);
  const [stored] = readTokens(busRoot).tokens;
  for (const other of [stored?.sha256, stored?.session_sha256, `${token}x`, token.slice(0, -1), ''])
    expect([nameOf(other), nameOf(undefined, other)], other).toEqual([undefined, undefined]);
  expect([nameOf(sessionOf(token)), nameOf(undefined, token)]).toEqual([undefined, undefined]);
  expect(nameOf('wrong', sessionOf(token))).toBe('a');
});

test('the last use of each token is kept', async () => {
  const { access, busRoot, nameOf, pass } = accessTo();
  const a = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const b = await createToken(busRoot, { name: 'b', scopes: reading, expiresAt: undefined });
  nameOf(a);
  nameOf(b);
  pass(5_000);
  nameOf(a);
  nameOf('wrong');
  access.close();
  expect(readTokenUses(busRoot)).toEqual({
    a: new Date(start + 5_000).toISOString(),
    b: new Date(start).toISOString(),
  });
});

test('what submits needs the scope submit', () => {
  for (const method of ['GET', 'HEAD', 'PUT']) expect(scopeOf(method, '/api/v1/uploads/x'), method).toBe('submit');
  expect([scopeOf('POST', '/api/v1/jobs'), scopeOf('GET', '/api/v1/jobs')]).toEqual(['submit', 'read']);
  expect([scopeOf('GET', '/api/v1/jobs/x/outcome'), scopeOf('POST', '/api/v1/jobs/x/outcome')]).toEqual([
    'submit',
    'operate',
  ]);
});

test('a request that is not known to read needs the scope operate', () => {
  for (const path of ['/api/v1/status', '/metrics', '/exports/x.parquet', '/api/v1/jobs/x/retry'])
    for (const method of ['GET', 'HEAD']) expect(scopeOf(method, path), path).toBe('read');
  expect(scopeOf('POST', '/api/v1/query')).toBe('read');
  expect(scopeOf('POST', '/api/v1/diff')).toBe('read');
  for (const path of ['/api/v1/jobs/x/retry', '/api/v1/query/', '/api/v1/quer%79', '/api/v1/new'])
    expect(scopeOf('POST', path), path).toBe('operate');
  for (const method of ['PUT', 'DELETE', 'PATCH', 'get'])
    expect(scopeOf(method, '/api/v1/query'), method).toBe('operate');
});
