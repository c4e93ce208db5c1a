import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import {
  createToken,
  isTokensFolderSafe,
  readTokens,
  readTokenUses,
  revokeToken,
  sessionOf,
  tokenHash,
  tokensFolderOf,
  writeTokenUses,
} from './tokens.js';

const reading = { scopes: { read: true, operate: false, submit: [] }, expiresAt: undefined };
const modeOf = (path: string) => statSync(path).mode & 0o777;

test('only the hash of a token is stored, where only the user of the daemon can read it', async () => {
  const root = join(temporaryFolder(), 'bus'); // a token can be created before the first start
  const token = await createToken(root, { name: 'a', ...reading });
  expect(token).toMatch(/^qbt_[\w-]{43}$/);
  const file = join(tokensFolderOf(root), 'a.json');
  expect([modeOf(tokensFolderOf(root)), modeOf(file), modeOf(root)]).toEqual([0o700, 0o600, 0o755]);
  expect(readdirSync(tokensFolderOf(root))).toEqual(['a.json']);
  const text = readFileSync(file, 'utf8');
  for (const secret of [token, sessionOf(token)]) expect(text).not.toContain(secret);
  const [state] = readTokens(root).tokens;
  expect(state).toMatchObject({ name: 'a', sha256: tokenHash(token), scopes: reading.scopes, expires_at: null });
  // Who reads the stored hashes can compute no cookie.
  for (const known of [state?.sha256, state?.session_sha256])
    expect(tokenHash(sessionOf(known as string))).not.toBe(state?.session_sha256);
});

test('of two tokens with one name, one is created', async () => {
  const root = temporaryFolder();
  const made = await Promise.allSettled([1, 2].map(() => createToken(root, { name: 'a', ...reading })));
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(made.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'TOKEN_EXISTS' } });
  const [token] = made.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  expect(readTokens(root).tokens.map(({ sha256 }) => sha256)).toEqual([tokenHash(token as string)]);
});

test.each(['constructor', 'toString'])('a token named %s was used only when it was', name => {
  const root = temporaryFolder();
  expect(readTokenUses(root)[name]).toBeUndefined();
  writeTokenUses(root, { a: '2026-11-28T05:00:00.000Z' });
  expect(readTokenUses(root)[name]).toBeUndefined();
  writeTokenUses(root, { ...readTokenUses(root), [name]: '2026-11-28T06:00:00.000Z' });
  expect(readTokenUses(root)[name]).toBe('2026-11-28T06:00:00.000Z');
});

test('a revoked token is gone, and can be created anew', async () => {
  const root = temporaryFolder();
  const first = await createToken(root, { name: 'a', ...reading });
  await revokeToken(root, 'a');
  expect(readTokens(root)).toEqual({ tokens: [], damaged: [] });
  await expect(revokeToken(root, 'a')).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
  expect(await createToken(root, { name: 'a', ...reading })).not.toBe(first);
});

test.each(['../a', 'a/b', '.a', '', 'a b', 'x'.repeat(101)])('%s is no name, and leads nowhere', async name => {
  const root = temporaryFolder();
  await expect(createToken(root, { name, ...reading })).rejects.toMatchObject({ code: 'TOKEN_NAME_INVALID' });
  await expect(revokeToken(root, name)).rejects.toMatchObject({ code: 'TOKEN_NAME_INVALID' });
  expect(readdirSync(root)).toEqual([]);
});

test('a file that was changed gives nobody access', async () => {
  const root = temporaryFolder();
  for (const name of ['changed', 'copied', 'sound']) await createToken(root, { name, ...reading });
  const path = (name: string) => join(tokensFolderOf(root), `${name}.json`);
  writeFileSync(path('changed'), readFileSync(path('changed'), 'utf8').replace('"operate": false', '"operate": true'));
  writeFileSync(path('other'), readFileSync(path('copied')));
  mkdirSync(path('folder'));
  writeFileSync(path('text'), 'text');
  const { tokens, damaged } = readTokens(root);
  expect(tokens.map(({ name }) => name)).toEqual(['copied', 'sound']);
  expect(damaged).toEqual(['changed', 'folder', 'other', 'text']);
});

test('a folder of others, or a link in its place, is not safe', async () => {
  const root = temporaryFolder();
  expect(isTokensFolderSafe(root)).toBe(true);
  await createToken(root, { name: 'a', ...reading });
  expect(isTokensFolderSafe(root)).toBe(true);
  const folder = tokensFolderOf(root);
  renameSync(folder, `${folder}.aside`);
  symlinkSync(`${folder}.aside`, folder);
  expect(isTokensFolderSafe(root)).toBe(false);
});
