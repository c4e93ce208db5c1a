import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import {
  createToken,
  folderTokens,
  readTokens,
  readTokenUses,
  revokeToken,
  sessionOf,
  type TokenStore,
} from '@quantbot/bus-format/state';
import { createLogger } from '@quantbot/infra';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { Access, type AccessOptions } from './access.js';
import { scopeOf } from './guard-access.js';

const configured = 'the-token-of-the-configuration';
const reading = { read: true, operate: false, submit: [] };
const start = Date.UTC(2026, 10, 28);

async function accessTo(options: Partial<Omit<AccessOptions, 'store'>> & { store?: Partial<TokenStore> } = {}) {
  const busRoot = temporaryFolder();
  const logger = createLogger({ name: 'test', level: 'silent' });
  let time = start;
  let isBroken = false;
  const folder = folderTokens(busRoot);
  const store = {
    ...folder,
    read: () => (isBroken ? Promise.reject(new Error('The store does not answer.')) : folder.read()),
    ...(options.store ?? {}),
  };
  const access = await Access.open({
    configured: undefined,
    isPublic: false,
    now: () => time,
    elapsed: () => time,
    logger,
    ...options,
    store,
  });
  const nameOf = async (bearer?: string, cookie?: string) => {
    await access.refresh();
    return access.callerOf({ bearer, cookie })?.name;
  };
  return {
    access,
    busRoot,
    nameOf,
    breakStore: () => {
      isBroken = true;
    },
    pass: (ms: number) => {
      time += ms;
    },
  };
}

test('programs of this machine need a token as soon as there is one, and after the last is revoked', async () => {
  const { access, busRoot } = await accessTo();
  expect([access.isNeeded, access.hasTokens]).toEqual([false, false]);
  await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  await access.refresh();
  expect([access.isNeeded, access.hasTokens]).toEqual([true, true]);
  await revokeToken(busRoot, 'a');
  await access.refresh();
  expect([access.isNeeded, access.hasTokens]).toEqual([true, false]);
  expect((await accessTo({ isPublic: true })).access.isNeeded).toBe(true);
  expect((await accessTo({ configured })).access).toMatchObject({ isNeeded: true, hasTokens: true });
});

test('a token is known at once, and is refused at once when it is revoked', async () => {
  const { busRoot, nameOf } = await accessTo();
  const a = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect(await nameOf(a)).toBe('a');
  const b = await createToken(busRoot, { name: 'b', scopes: reading, expiresAt: undefined });
  expect([await nameOf(a), await nameOf(b)]).toEqual(['a', 'b']);
  await revokeToken(busRoot, 'a');
  expect([await nameOf(a), await nameOf(b)]).toEqual([undefined, 'b']);
});

test('a new token owns nothing of an earlier token of its name, and neither does a new configured one', async () => {
  const { access, busRoot } = await accessTo();
  const ownerOf = async (bearer: string, by = access) => {
    await by.refresh();
    return by.callerOf({ bearer, cookie: undefined })?.owner;
  };
  const first = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const owner = await ownerOf(first);
  expect(access.callerOf({ bearer: undefined, cookie: sessionOf(first) })?.owner).toBe(owner);
  await revokeToken(busRoot, 'a');
  const second = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const owners = [owner, await ownerOf(second)];
  for (const secret of [configured, 'another'])
    owners.push(await ownerOf(secret, (await accessTo({ configured: secret })).access));
  expect(owners).not.toContain(undefined);
  expect(new Set(owners).size).toBe(4);
});

test('a token ends at its time', async () => {
  const { busRoot, nameOf, pass } = await accessTo();
  const token = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: new Date(start + 1000) });
  pass(999);
  expect(await nameOf(token)).toBe('a');
  pass(1);
  expect(await nameOf(token)).toBeUndefined();
});

test('a store that does not answer keeps its tokens valid for a minute, and one that is not safe for no time', async () => {
  const remote = await accessTo({ store: { stamp: () => undefined } });
  const token = await createToken(remote.busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  remote.pass(1_000);
  expect(await remote.nameOf(token)).toBe('a');
  remote.breakStore();
  remote.pass(60_000);
  expect(await remote.nameOf(token)).toBe('a');
  remote.pass(1);
  expect(await remote.nameOf(token)).toBeUndefined();
  expect(remote.access.isNeeded).toBe(true);
  const local = await accessTo();
  const other = await createToken(local.busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect(await local.nameOf(other)).toBe('a');
  chmodSync(join(local.busRoot, 'tokens'), 0o777);
  local.pass(1_000);
  expect(await local.nameOf(other)).toBeUndefined();
});

test('a cookie is no token, a token is no cookie, and what is stored is neither', async () => {
  const { busRoot, nameOf } = await accessTo({ configured });
  const token = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  expect([await nameOf(token), await nameOf(undefined, sessionOf(token))]).toEqual(['a', 'a']);
  expect([await nameOf(configured), await nameOf(undefined, sessionOf(configured))]).toEqual([
    'http.token_file',
    'http.token_file',
  ]);
  const [stored] = readTokens(busRoot).tokens;
  for (const other of [stored?.sha256, stored?.session_sha256, `${token}x`, token.slice(0, -1), ''])
    expect([await nameOf(other), await nameOf(undefined, other)], other).toEqual([undefined, undefined]);
  expect([await nameOf(sessionOf(token)), await nameOf(undefined, token)]).toEqual([undefined, undefined]);
  expect(await nameOf('wrong', sessionOf(token))).toBe('a');
});

test('the last use of each token is kept', async () => {
  const { access, busRoot, nameOf, pass } = await accessTo();
  const a = await createToken(busRoot, { name: 'a', scopes: reading, expiresAt: undefined });
  const b = await createToken(busRoot, { name: 'b', scopes: reading, expiresAt: undefined });
  await nameOf(a);
  await nameOf(b);
  pass(5_000);
  await nameOf(a);
  await nameOf('wrong');
  await access.close();
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
