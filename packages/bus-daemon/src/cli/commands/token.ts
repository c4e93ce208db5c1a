import {
  createToken,
  mustBeFolders,
  readTokens,
  readTokenUses,
  revokeToken,
  type TokenScopes,
} from '@quantbot/bus-format/state';
import { isId } from '@quantbot/infra';
import { isInTheClear } from '@quantbot/infra/config';
import type { Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { type CommonOptions, localConfigOf, print } from '../shared.js';
import { tableOf } from '../table.js';

/** `quantbot-bus token create NAME`: creates a token and prints it. */
export async function tokenCreateCommand(
  name: string,
  options: CommonOptions & { read?: true; operate?: true; submit?: true | string[]; expires?: string },
  command: Command,
): Promise<void> {
  const busRoot = rootOf(options);
  const submit = options.submit === true ? 'any' : (options.submit ?? []);
  const scopes: TokenScopes = { read: options.read ?? false, operate: options.operate ?? false, submit };
  if (!scopes.read && !scopes.operate && submit.length === 0)
    command.error('error: say what it may do: --read, --submit or --operate');
  const wrong = submit === 'any' ? undefined : submit.find(producer => !isId(producer));
  if (wrong !== undefined) command.error(`error: ${wrong} cannot be the name of a producer`);
  const expiresMs = options.expires === undefined ? undefined : parseDuration(options.expires);
  if (options.expires !== undefined && expiresMs === undefined)
    command.error('error: a duration is a number and one of s, m, h, d, such as 90d');
  const expiresAt = expiresMs === undefined ? undefined : new Date(Date.now() + expiresMs);
  const token = await createToken(busRoot, { name, scopes, expiresAt });
  print(options, { name, token, scopes, expiresAt: expiresAt?.toISOString() ?? null }, () =>
    [
      token,
      `${name} may ${inWords(scopes)}${expiresAt === undefined ? '' : ` until ${expiresAt.toISOString()}`}.`,
      'Keep the token: it is not shown again.',
      ...inTheClear(options),
    ].join('\n'),
  );
}

/** Says that other machines can listen when the token is sent. */
function inTheClear(options: CommonOptions): string[] {
  const { http } = localConfigOf(options);
  if (!isInTheClear(http)) return [];
  return [`It is sent to ${http.listen} in the clear. Set http.tls, or put a proxy with TLS in front.`];
}

/** `quantbot-bus token list`: lists the tokens and their last use. */
export async function tokenListCommand(options: CommonOptions): Promise<void> {
  const busRoot = rootOf(options);
  const { tokens, damaged } = readTokens(busRoot);
  const uses = readTokenUses(busRoot);
  const listed = tokens.map(({ name, scopes, created_at, expires_at }) => {
    const used = uses[name];
    return {
      name,
      scopes,
      createdAt: created_at,
      expiresAt: expires_at,
      hasExpired: expires_at !== null && Date.parse(expires_at) <= Date.now(),
      // An earlier token of this name may have been used.
      lastUsedAt: used !== undefined && used >= created_at ? used : null,
    };
  });
  print(options, { tokens: listed, damaged }, () =>
    [
      listed.length === 0 ? 'no tokens' : tableOf(['name', 'may', 'created', 'ends', 'last used'], listed.map(rowOf)),
      ...damaged.map(name => `${name} is damaged and gives no access. Revoke it, and create it again.`),
    ].join('\n'),
  );
}

/** `quantbot-bus token revoke NAME…`: revokes tokens. */
export async function tokenRevokeCommand(names: string[], options: CommonOptions): Promise<void> {
  const busRoot = rootOf(options);
  for (const name of names) await revokeToken(busRoot, name);
  print(options, { revoked: names }, () => names.map(name => `${name} is revoked`).join('\n'));
}

/** The folder of the bus. No daemon need have run on it. */
function rootOf(options: CommonOptions): string {
  const config = localConfigOf(options);
  mustBeFolders(config);
  return config.busRoot;
}

interface ListedToken {
  name: string;
  scopes: TokenScopes;
  createdAt: string;
  expiresAt: string | null;
  hasExpired: boolean;
  lastUsedAt: string | null;
}

const rowOf = ({ name, scopes, createdAt, expiresAt, hasExpired, lastUsedAt }: ListedToken) => [
  name,
  inWords(scopes),
  createdAt,
  hasExpired ? 'has ended' : (expiresAt ?? 'never'),
  lastUsedAt ?? 'never',
];

const inWords = ({ read, operate, submit }: TokenScopes): string =>
  [
    ...(read ? ['read'] : []),
    ...(submit === 'any' ? ['submit'] : submit.length > 0 ? [`submit as ${submit.join(', ')}`] : []),
    ...(operate ? ['operate'] : []),
  ].join(', ');
