import { folderTokens, mustBeFolders, type TokenScopes, type TokenStore } from '@quantbot/bus-format/state';
import { isId } from '@quantbot/infra';
import { isInTheClear, withVariables } from '@quantbot/infra/config';
import type { Command } from 'commander';
import { withClusterPackage } from '../../cluster-package.js';
import { parseDuration } from '../arguments.js';
import { type CommonOptions, configOf, print } from '../shared.js';
import { tableOf } from '../table.js';

/** `quantbot-bus token create NAME`: creates a token and prints it. */
export async function tokenCreateCommand(
  name: string,
  options: CommonOptions & { read?: true; operate?: true; submit?: true | string[]; expires?: string },
  command: Command,
): Promise<void> {
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
  const token = await withTokens(options, tokens => tokens.create({ name, scopes, expiresAt }));
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
  const { http } = configOf(options);
  if (!isInTheClear(http)) return [];
  return [`It is sent to ${http.listen} in the clear. Set http.tls, or put a proxy with TLS in front.`];
}

/** `quantbot-bus token list`: lists the tokens and their last use. */
export async function tokenListCommand(options: CommonOptions): Promise<void> {
  const { tokens, damaged, uses } = await withTokens(options, async store => ({
    ...(await store.read()),
    uses: await store.readUses(),
  }));
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
  await withTokens(options, async tokens => {
    for (const name of names) await tokens.revoke(name);
  });
  print(options, { revoked: names }, () => names.map(name => `${name} is revoked`).join('\n'));
}

/** Opens the tokens of one machine, where no daemon need have run, or of a cluster. */
async function withTokens<T>(options: CommonOptions, work: (tokens: TokenStore) => Promise<T>): Promise<T> {
  const config = configOf(options);
  if (config.cluster === undefined) {
    mustBeFolders(config);
    return work(folderTokens(config.busRoot));
  }
  const { clusterTokens, mustBeCurrent, Postgres } = await withClusterPackage(() => import('@quantbot/bus-cluster'));
  const postgres = await Postgres.open(withVariables(config.cluster.postgres), { connections: 1 });
  try {
    await mustBeCurrent(postgres);
    return await work(clusterTokens(postgres));
  } finally {
    await postgres.close();
  }
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
