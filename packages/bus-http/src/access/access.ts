import { setTimeout as sleep } from 'node:timers/promises';
import {
  configuredTokenName,
  type StoredTokens,
  sessionOf,
  type TokenScopes,
  type TokenStore,
  tokenHash,
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
  store: TokenStore;
  /** The token of `http.token_file`. It may do everything. */
  configured: string | undefined;
  /** Whether other machines can reach the server. */
  isPublic: boolean;
  now: () => number;
  /** Milliseconds since some moment. It never goes back. */
  elapsed: () => number;
  logger: Logger;
}

/**
 * A change of the stamp shows at once. This covers two changes within one tick of its clock, and
 * stores without one.
 */
const readAgainMs = 1_000;
/** A request waits for the store for at most this long. */
const patienceMs = 2_000;
/** For so long the tokens are good that were read last, while the store does not answer. */
const goodForMs = 60_000;
const saveUsesMs = 2_000;

export const everything: TokenScopes = { read: true, operate: true, submit: 'any' };

/** Knows the tokens of the server: who sends a request, and when each was last used. */
export class Access {
  readonly #options: AccessOptions;
  readonly #configured: Map<string, Caller>;
  /** By the hashes of token and cookie. */
  #known = new Map<string, Caller>();
  #areNeeded = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  #stamp: bigint | undefined;
  #reading: Promise<void> | undefined;
  /** The uses that are not saved yet. */
  #uses = new Map<string, string>();
  #saving: NodeJS.Timeout | undefined;

  private constructor(options: AccessOptions) {
    this.#options = options;
    const { configured } = options;
    this.#configured = new Map(configured === undefined ? [] : entriesOf(configured));
  }

  /** Reads the tokens for the first time. Its errors are those of the store. */
  static async open(options: AccessOptions): Promise<Access> {
    const access = new Access(options);
    access.#take(await options.store.read());
    return access;
  }

  /** Whether there is a token at all. */
  get hasTokens(): boolean {
    return this.#configured.size + this.#known.size > 0;
  }

  /**
   * Whether a request needs a token. It does on an address that others can reach, and from the
   * moment on in which a token was created: a proxy on this machine makes everyone look local.
   */
  get isNeeded(): boolean {
    return this.#options.isPublic || this.#configured.size > 0 || this.#areNeeded;
  }

  /** Looks for changes of the tokens. Call it before each decision. */
  async refresh(): Promise<void> {
    const stamp = this.#options.store.stamp();
    if (stamp !== this.#stamp || this.#options.elapsed() - this.#lookedAt >= readAgainMs) {
      this.#stamp = stamp;
      this.#reading ??= this.#read();
    }
    if (this.#reading !== undefined) await Promise.race([this.#reading, sleep(patienceMs, undefined, { ref: false })]);
    if (this.#options.elapsed() - this.#readAt > goodForMs) this.#forget();
  }

  /** Returns who sends a request; undefined without a valid token. */
  callerOf({ bearer, cookie }: Credentials): Caller | undefined {
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
  async close(): Promise<void> {
    if (this.#saving !== undefined) await this.#save();
  }

  async #read(): Promise<void> {
    this.#lookedAt = this.#options.elapsed();
    try {
      this.#take(await this.#options.store.read());
    } catch (err) {
      // A store without a stamp is another machine, which may answer again soon.
      if (this.#stamp !== undefined) this.#forget(err);
    } finally {
      this.#reading = undefined;
    }
  }

  #forget(err?: unknown): void {
    if (this.#known.size > 0)
      this.#options.logger.error({ err }, 'the tokens cannot be read; nobody has access by one');
    this.#known = new Map();
    this.#areNeeded ||= this.#stamp !== undefined;
  }

  #take({ tokens, areNeeded }: StoredTokens): void {
    this.#readAt = this.#options.elapsed();
    this.#areNeeded = areNeeded;
    this.#known = new Map();
    for (const { name, sha256, session_sha256, scopes, expires_at } of tokens) {
      const expiresAtMs = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at);
      const caller = { name, owner: ownerOf(name, sha256), scopes, expiresAtMs };
      this.#known.set(keyOf('token', sha256), caller).set(keyOf('session', session_sha256), caller);
    }
  }
  #note(name: string): void {
    this.#uses.set(name, new Date(this.#options.now()).toISOString());
    this.#saving ??= setTimeout(() => this.#save(), saveUsesMs).unref();
  }

  async #save(): Promise<void> {
    const { store, logger } = this.#options;
    clearTimeout(this.#saving);
    this.#saving = undefined;
    const uses = Object.fromEntries(this.#uses);
    this.#uses.clear();
    try {
      await store.noteUses(uses);
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
