import { isIP } from 'node:net';
import { exactJson } from '@quantbot/infra';
import { JsonError, parseJsonStrictly } from '@quantbot/infra/bus';
import { withoutBrackets } from '@quantbot/infra/config';
import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { refuse } from './http-error.js';

/**
 * Refuses unknown host names. A foreign page can make its own name point to this machine (DNS
 * rebinding), but not a numeric address or `localhost`.
 */
export const guardHost = (allowedHosts: readonly string[]): MiddlewareHandler => {
  const allowed = new Set(allowedHosts.map(host => host.toLowerCase()));
  return async (c, next) => {
    const given = c.req.header('host') ?? '';
    const { host, hostname } = URL.canParse(`http://${given}`)
      ? new URL(`http://${given}`)
      : { host: '', hostname: '' };
    const known =
      hostname === 'localhost' || isIP(withoutBrackets(hostname)) !== 0 || allowed.has(hostname) || allowed.has(host);
    if (!known || host === '') refuse('HTTP_HOST_REFUSED', `This server is not ${given || 'without a name'}.`);
    await next();
  };
};

/**
 * Refuses requests from pages of another origin (CSRF). Browsers send the origin, and no page can
 * fake it.
 */
export const guardOrigin: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header('origin');
  const host = c.req.header('host');
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    refuse('HTTP_ORIGIN_REFUSED', `A page of ${origin} may not ask this server.`);
  const site = c.req.header('sec-fetch-site');
  if (c.req.method !== 'GET' && site !== undefined && site !== 'same-origin' && site !== 'none')
    refuse('HTTP_ORIGIN_REFUSED', 'A page of another site may not ask this server.');
  await next();
};

/** Refuses JSON that parsers understand differently: a key twice, or a number that would change. */
export const guardJson: MiddlewareHandler = async (c, next) => {
  const isJson = /\bjson\b/i.test(c.req.header('content-type') ?? '');
  const bytes = new Uint8Array(isJson ? await c.req.arrayBuffer() : []);
  try {
    if (bytes.length > 0) parseJsonStrictly(bytes, maxDepth);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    refuse('HTTP_REQUEST_INVALID', `The body ${error.message}.`, error.details);
  }
  await next();
};

const maxDepth = 64;

/** Restricts the page to its own scripts, styles and server, and forbids frames. */
export const guardPage = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  referrerPolicy: 'no-referrer',
  crossOriginResourcePolicy: 'same-origin',
  crossOriginOpenerPolicy: 'same-origin',
  strictTransportSecurity: false, // a TLS proxy in front can set it
});

/** Forbids caching: each answer is for one caller and one moment. */
export const neverStored: MiddlewareHandler = async (c, next) => {
  await next();
  if (!c.res.headers.has('cache-control')) c.res.headers.set('Cache-Control', 'no-store');
};

/** Keeps the sign of a zero in every answer. */
export const exactAnswers: MiddlewareHandler = async (c, next) => {
  const asJson = { 'Content-Type': 'application/json' };
  c.json = ((value: unknown, status?: ContentfulStatusCode) =>
    c.body(exactJson(value), status, asJson)) as unknown as typeof c.json;
  await next();
};
