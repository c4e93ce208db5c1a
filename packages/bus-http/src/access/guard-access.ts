import { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';
import { sessionOf, type TokenScopes } from '@quantbot/bus-format/state';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { refuse } from '../http-error.js';
import type { Access, Caller } from './access.js';

const sessionCookie = 'quantbot_bus_session';
const sessionS = 30 * 86_400;

/**
 * Returns the scope that a request needs. Whatever is not known to read or submit needs `operate`,
 * so that a new route is closed until it is listed.
 */
export function scopeOf(method: string, path: string): keyof TokenScopes {
  if (['GET', 'HEAD', 'PUT'].includes(method) && path.startsWith('/api/v1/uploads/')) return 'submit';
  if (method === 'POST' && path === '/api/v1/jobs') return 'submit';
  if (method === 'GET' && /^\/api\/v1\/jobs\/[^/]+\/outcome$/.test(path)) return 'submit';
  if (path.startsWith('/api/v1/operations')) return 'operate';
  if (method === 'GET' || method === 'HEAD') return 'read';
  return method === 'POST' && readingPosts.includes(path) ? 'read' : 'operate';
}

const readingPosts = ['/api/v1/diff', '/api/v1/query', '/api/v1/rows', '/api/v1/rows.arrow', '/api/v1/rows.parquet'];

/** Accepts requests whose token has the scope that they need. */
export const guardAccess = (access: Access): MiddlewareHandler => {
  return async (c, next) => {
    await access.refresh();
    admit(access, c);
    await next();
  };
};

/**
 * Returns who sends a request; undefined if no token is needed. Submission always needs one: the
 * operating system decides which users of this machine may submit, and the server must not let
 * others in.
 *
 * @throws DaemonError `HTTP_UNAUTHORIZED`, `HTTP_FORBIDDEN`.
 */
export function admit(access: Access, c: Context): Caller | undefined {
  const scope = scopeOf(c.req.method, c.req.path);
  if (!access.isNeeded && scope !== 'submit') return undefined;
  const [, bearer] = /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  const caller = access.callerOf({ bearer, cookie: getCookie(c, sessionCookie) });
  if (caller === undefined) {
    c.header('WWW-Authenticate', 'Bearer');
    refuse('HTTP_UNAUTHORIZED', 'This needs a token that is valid.');
  }
  if (!has(caller.scopes, scope)) refuse('HTTP_FORBIDDEN', `The token ${caller.name} lacks the scope ${scope}.`);
  return caller;
}

const has = (scopes: TokenScopes, scope: keyof TokenScopes): boolean =>
  scope === 'submit' ? scopes.submit.length > 0 : scopes[scope];

/** Whether a caller may submit as a producer, and see what becomes of its jobs. */
export const maySubmitAs = ({ scopes: { submit } }: Caller, producer: string): boolean =>
  submit === 'any' || submit.includes(producer);

/** {@link admit} for a request that submits a job or an operation, which always has a token. */
export const admitSender = (access: Access, c: Context): Caller =>
  admit(access, c) ?? refuse('HTTP_UNAUTHORIZED', 'Submission needs a token.');

/** Whether the sender of a request that is still being answered may have more. */
export async function isStillAdmitted(access: Access, c: Context): Promise<boolean> {
  await access.refresh();
  try {
    admit(access, c);
    return true;
  } catch {
    return false;
  }
}

/**
 * Gives a browser with a token a cookie that scripts cannot read and other sites cannot send. It
 * needs none where requests need no token.
 *
 * @throws DaemonError `HTTP_UNAUTHORIZED`.
 */
export async function openSession(access: Access, c: Context, token: string): Promise<void> {
  await access.refresh();
  if (!access.isNeeded) return;
  if (access.callerOf({ bearer: token, cookie: undefined }) === undefined)
    refuse('HTTP_UNAUTHORIZED', 'That is not a valid token.');
  setCookie(c, sessionCookie, sessionOf(token), {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    maxAge: sessionS,
    secure: c.req.header('x-forwarded-proto') === 'https' || isEncrypted(c),
  });
}

const isEncrypted = (c: Context): boolean => (c.env as HttpBindings).incoming.socket instanceof TLSSocket;
