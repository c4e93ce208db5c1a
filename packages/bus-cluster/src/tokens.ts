import { daemonError } from '@quantbot/bus-format';
import { checkTokenName, newToken, scopesSchema, type TokenStore } from '@quantbot/bus-format/state';
import type { Queries } from './postgres/postgres.js';

/** A row of `bus.tokens` that is not revoked. */
interface Row extends Record<string, unknown> {
  name: string;
  sha256: string;
  session_sha256: string;
  scopes: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

/** Returns the tokens of a cluster, which all of its daemons know. */
export const clusterTokens = (queries: Queries): TokenStore => {
  const rows = () => queries.query<Row>('SELECT * FROM bus.tokens WHERE revoked_at IS NULL ORDER BY name');
  return {
    create: async request => {
      const { token, state } = newToken(request);
      const { name, sha256, session_sha256, scopes, created_at, expires_at } = state;
      const created = await queries.query(
        `INSERT INTO bus.tokens (name, sha256, session_sha256, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id`,
        [name, sha256, session_sha256, JSON.stringify(scopes), created_at, expires_at],
      );
      if (created.length === 0) throw daemonError('TOKEN_EXISTS', `There is a token ${name} already.`);
      return token;
    },
    revoke: async name => {
      checkTokenName(name);
      const revoked = await queries.query(
        `UPDATE bus.tokens SET revoked_at = now(), sha256 = NULL, session_sha256 = NULL
         WHERE name = $1 AND revoked_at IS NULL RETURNING id`,
        [name],
      );
      if (revoked.length === 0) throw daemonError('TOKEN_NOT_FOUND', `There is no token ${name}.`);
    },
    read: async () => {
      const tokens = await rows();
      const [any] = tokens.length > 0 ? tokens : await queries.query('SELECT id FROM bus.tokens LIMIT 1');
      return {
        tokens: tokens.map(({ name, sha256, session_sha256, scopes, created_at, expires_at }) => ({
          name,
          sha256,
          session_sha256,
          scopes: scopesSchema.parse(JSON.parse(scopes)),
          created_at: iso(created_at),
          expires_at: expires_at && iso(expires_at),
        })),
        damaged: [],
        areNeeded: any !== undefined,
      };
    },
    stamp: () => undefined,
    readUses: async () => {
      const used = (await rows()).flatMap(({ name, last_used_at: at }) => (at === null ? [] : [[name, iso(at)]]));
      return Object.assign(Object.create(null), Object.fromEntries(used));
    },
    noteUses: async uses => {
      await queries.query(
        `UPDATE bus.tokens SET last_used_at = greatest(last_used_at, used.at)
         FROM unnest($1::text[], $2::timestamptz[]) AS used (name, at)
         WHERE tokens.name = used.name AND revoked_at IS NULL`,
        [Object.keys(uses), Object.values(uses)],
      );
    },
  };
};

/** PostgreSQL prints a time in its own format. */
const iso = (text: string): string => new Date(text).toISOString();
