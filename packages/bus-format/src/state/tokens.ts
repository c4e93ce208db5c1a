import { hash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from '@quantbot/infra';
import {
  createFileDurable,
  makeFolderDurable,
  readState,
  stateText,
  syncFolder,
  writeState,
} from '@quantbot/infra/files';
import * as z from 'zod';
import { daemonError } from '../errors.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The schema of {@link TokenScopes}. */
export const scopesSchema = z.object({
  /** Everything that the bus has. */
  read: z.boolean(),
  /** Retry rejected jobs. */
  operate: z.boolean(),
  /** Submit as these producers. */
  submit: z.union([z.literal('any'), z.array(z.string())]),
});

const tokenSchema = z.object({
  name: z.string(),
  sha256,
  session_sha256: sha256,
  scopes: scopesSchema,
  created_at: z.string(),
  expires_at: z.string().nullable(),
});

/** What the holder of a token may do. */
export type TokenScopes = z.infer<typeof scopesSchema>;

/** A token of the daemon's server, as stored in `<bus_root>/tokens/<name>.json`. */
export type TokenState = z.infer<typeof tokenSchema>;

/** The schema of `token_uses.json`. */
export const tokenUsesSchema = z.object({ uses: z.record(z.string(), z.string()) });

/** When each token was last used, by name, as stored in `<bus_root>/token_uses.json`. */
export type TokenUses = z.infer<typeof tokenUsesSchema>['uses'];

/** The name under which the token of `http.token_file` is known. */
export const configuredTokenName = 'http.token_file';

/** The folder of the tokens. If it exists, the server answers only those who have a token. */
export const tokensFolderOf = (busRoot: string): string => join(busRoot, 'tokens');

/** The path of {@link TokenUses}. */
export const tokenUsesFileOf = (busRoot: string): string => join(busRoot, 'token_uses.json');

/**
 * Returns the hash by which a token is known. One pass of SHA-256 suffices: a token has 256 random
 * bits, so no one can guess it. Slow hashes are for passwords.
 */
export const tokenHash = (text: string): string => hash('sha256', text);

/**
 * Returns the secret of a browser's cookie. It does not reveal the token, and cannot be computed
 * from what is stored.
 */
export const sessionOf = (token: string): string => hash('sha256', `session:${token}`);

/** A token to create. */
export interface TokenRequest {
  name: string;
  scopes: TokenScopes;
  expiresAt: Date | undefined;
}

/**
 * Returns a new token, and what is stored of it.
 *
 * @throws DaemonError `TOKEN_NAME_INVALID`.
 */
export function newToken({ name, scopes, expiresAt }: TokenRequest): { token: string; state: TokenState } {
  checkTokenName(name);
  const token = `qbt_${randomBytes(32).toString('base64url')}`;
  const state = {
    name,
    sha256: tokenHash(token),
    session_sha256: tokenHash(sessionOf(token)),
    scopes,
    created_at: new Date().toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
  };
  return { token, state };
}

/** @throws DaemonError `TOKEN_NAME_INVALID`. */
export function checkTokenName(name: string): void {
  if (!isId(name) || name === configuredTokenName)
    throw daemonError('TOKEN_NAME_INVALID', `${name} cannot be the name of a token.`);
}

/**
 * Creates a token and stores its hash, durably.
 *
 * @returns the token itself, which is stored nowhere.
 * @throws DaemonError `TOKEN_EXISTS`, `TOKEN_NAME_INVALID`.
 */
export async function createToken(busRoot: string, request: TokenRequest): Promise<string> {
  const { name } = request;
  const path = pathOf(busRoot, name);
  const folder = tokensFolderOf(busRoot);
  await makeFolderDurable(busRoot);
  await makeFolderDurable(folder, 0o700);
  chmodSync(folder, 0o700);
  giveToOwner(busRoot, folder);
  const { token, state } = newToken(request);
  if (!(await createFileDurable(path, stateText(state), 0o600)))
    throw daemonError('TOKEN_EXISTS', `There is a token ${name} already.`);
  giveToOwner(busRoot, path);
  return token;
}

/** Lets the daemon's user read what root has created. */
function giveToOwner(busRoot: string, path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(busRoot);
  chownSync(path, uid, gid);
}

/**
 * Removes a token, durably. The server refuses it from the next request on.
 *
 * @throws DaemonError `TOKEN_NOT_FOUND`.
 */
export async function revokeToken(busRoot: string, name: string): Promise<void> {
  const path = pathOf(busRoot, name);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
    throw daemonError('TOKEN_NOT_FOUND', `There is no token ${name}.`);
  rmSync(path);
  await syncFolder(tokensFolderOf(busRoot));
}

/** Reads all tokens, by name. A damaged file gives nobody access: `damaged` has its name. */
export function readTokens(busRoot: string): { tokens: TokenState[]; damaged: string[] } {
  const folder = tokensFolderOf(busRoot);
  const tokens: TokenState[] = [];
  const damaged: string[] = [];
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return { tokens, damaged };
  for (const file of readdirSync(folder).sort()) {
    const name = /^([^.].*)\.json$/.exec(file)?.[1];
    if (name === undefined) continue;
    const state = readState(join(folder, file), tokenSchema);
    if (state === 'missing') continue; // it was revoked a moment ago
    if (state === 'damaged' || state.name !== name) damaged.push(name);
    else tokens.push(state);
  }
  return { tokens, damaged };
}

/** Whether only the owner of the bus can add tokens. A link in place of the folder is not safe. */
export function isTokensFolderSafe(busRoot: string): boolean {
  const folder = lstatSync(tokensFolderOf(busRoot), { throwIfNoEntry: false });
  if (folder === undefined) return true;
  return folder.isDirectory() && (folder.mode & 0o022) === 0 && folder.uid === statSync(busRoot).uid;
}

/**
 * When each token was last used; empty if the file is missing or damaged. It has no prototype: a
 * token may be named `constructor`.
 */
export function readTokenUses(busRoot: string): TokenUses {
  const state = readState(tokenUsesFileOf(busRoot), tokenUsesSchema);
  return Object.assign(Object.create(null), typeof state === 'string' ? {} : state.uses);
}

/** Replaces the file as a whole, without flushes. */
export const writeTokenUses = (busRoot: string, uses: TokenUses): void =>
  writeState(tokenUsesFileOf(busRoot), { uses });

function pathOf(busRoot: string, name: string): string {
  checkTokenName(name);
  return join(tokensFolderOf(busRoot), `${name}.json`);
}
