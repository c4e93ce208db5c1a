import { lstatSync } from 'node:fs';
import {
  configuredTokenName,
  isTokensFolderSafe,
  readTokens,
  readTokenUses,
  sessionOf,
  type TokenScopes,
  tokenHash,
  tokensFolderOf,
  writeTokenUses,
} from '@quantbot/bus-format/state';
import type { Logger } from '@quantbot/infra';

/** Someone who has a token. */
export interface Caller {
  /** The name of the token. */
  name: string;
  /** Whose files they send: this token's, and not those of an earlier token of its name. */
  owner: string;
  scopes: TokenScopes;
  expiresAtMs: number;
}

/** What a request brings to show who sends it. */
export interface Credentials {
  bearer: string | undefined;
  /** The value of the cookie of a browser. */
  cookie: string | undefined;
}

/** Where {@link Access} finds tokens, and when it needs them. */
export interface AccessOptions {
  /** Undefined on a cluster, which has only the configured token. */
  busRoot: string | undefined;
  /** The token of `http.token_file`. It may do everything. */
  configured: string | undefined;
  /** Whether other machines can reach the server. */
  isPublic: boolean;
  now: () => number;
  logger: Logger;
}

/** A change of the folder shows at once. This covers two changes within one tick of its clock. */
const readAgainMs = 1_000;
const saveUsesMs = 2_000;

export const everything: TokenScopes = { read: true, operate: true, submit: 'any' };

/** Knows the tokens of the server: who sends a request, and when each was last used. */
export class Access {
  readonly #options: AccessOptions;
  readonly #configured: Map<string, Caller>;
  /** By the hashes of token and cookie. */
  #known = new Map<string, Caller>();
  #readAt = Number.NEGATIVE_INFINITY;
  #changedNs: bigint | undefined;
  #uses: Record<string, string> | undefined;
  #saving: NodeJS.Timeout | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
    const { configured } = options;
    this.#configured = new Map(configured === undefined ? [] : entriesOf(configured));
  }

  /** Whether there is a token at all. */
  get hasTokens(): boolean {
    this.#read();
    return this.#configured.size + this.#known.size > 0;
  }

  /**
   * Whether a request needs a token. It does on an address that others can reach, and from the
   * moment on in which a token was created: a proxy on this machine makes everyone look local.
   */
  get isNeeded(): boolean {
    return this.#options.isPublic || this.#configured.size > 0 || this.#folder() !== undefined;
  }

  /** Returns who sends a request; undefined without a valid token. */
  callerOf({ bearer, cookie }: Credentials): Caller | undefined {
    this.#read();
    for (const [secret, kind] of [
      [bearer, 'token'],
      [cookie, 'session'],
    ] as const) {
      if (secret === undefined) continue;
      const key = keyOf(kind, tokenHash(secret));
      const caller = this.#configured.get(key) ?? this.#known.get(key);
      if (caller === undefined || caller.expiresAtMs <= this.#options.now()) continue;
      this.#note(caller.name);
      return caller;
    }
    return undefined;
  }

  /** Saves when tokens were last used. */
  close(): void {
    if (this.#saving !== undefined) this.#save();
  }

  #folder(): { mtimeNs: bigint } | undefined {
    const { busRoot } = this.#options;
    if (busRoot === undefined) return undefined;
    return lstatSync(tokensFolderOf(busRoot), { bigint: true, throwIfNoEntry: false });
  }

  #read(): void {
    const { busRoot, logger } = this.#options;
    if (busRoot === undefined) return;
    const changedNs = this.#folder()?.mtimeNs;
    if (changedNs === this.#changedNs && performance.now() - this.#readAt < readAgainMs) return;
    this.#changedNs = changedNs;
    this.#readAt = performance.now();
    this.#known = new Map();
    try {
      if (!isTokensFolderSafe(busRoot)) throw new Error('Others than the owner of the bus can create tokens.');
      for (const { name, sha256, session_sha256, scopes, expires_at } of readTokens(busRoot).tokens) {
        const expiresAtMs = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at);
        const caller = { name, owner: ownerOf(name, sha256), scopes, expiresAtMs };
        this.#known.set(keyOf('token', sha256), caller).set(keyOf('session', session_sha256), caller);
      }
    } catch (err) {
      logger.error({ err }, 'the tokens cannot be read; nobody has access by one');
      this.#known = new Map();
    }
  }

  #note(name: string): void {
    const { busRoot, now } = this.#options;
    if (busRoot === undefined || this.#configured.size + this.#known.size === 0) return;
    this.#uses ??= readTokenUses(busRoot);
    this.#uses[name] = new Date(now()).toISOString();
    this.#saving ??= setTimeout(() => this.#save(), saveUsesMs).unref();
  }

  #save(): void {
    const { busRoot = '', logger } = this.#options;
    clearTimeout(this.#saving);
    this.#saving = undefined;
    const names = new Set([...this.#configured.values(), ...this.#known.values()].map(({ name }) => name));
    const uses = Object.entries(this.#uses ?? {}).filter(([name]) => names.has(name));
    try {
      writeTokenUses(busRoot, Object.fromEntries(uses));
    } catch (err) {
      logger.warn({ err }, 'cannot save when tokens were last used');
    }
  }
}

/** A token is no cookie, and a cookie is no token. */
const keyOf = (kind: 'token' | 'session', sha256: string): string => `${kind} ${sha256}`;

/** No name of a token has a `~`, and 64 bits of its hash tell tokens of one name apart. */
const ownerOf = (name: string, sha256: string): string => `${name}~${sha256.slice(0, 16)}`;

/** The configured token, by the hashes of token and cookie. */
function entriesOf(token: string): [string, Caller][] {
  const [name, sha256] = [configuredTokenName, tokenHash(token)];
  const caller = { name, owner: ownerOf(name, sha256), scopes: everything, expiresAtMs: Number.POSITIVE_INFINITY };
  return [
    [keyOf('token', sha256), caller],
    [keyOf('session', tokenHash(sessionOf(token))), caller],
  ];
}
