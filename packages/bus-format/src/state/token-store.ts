import { lstatSync } from 'node:fs';
import { daemonError } from '../errors.js';
import {
  configuredTokenName,
  createToken,
  isTokensFolderSafe,
  readTokens,
  readTokenUses,
  revokeToken,
  type TokenRequest,
  type TokenState,
  type TokenUses,
  tokensFolderOf,
  writeTokenUses,
} from './tokens.js';

/** The tokens of a bus. */
export interface StoredTokens {
  tokens: TokenState[];
  /** The names of those that cannot be read, and give nobody access. */
  damaged: string[];
  /** Whether there ever was a token. From then on, every request needs one. */
  areNeeded: boolean;
}

/** Where the tokens of a bus are: a folder, or the database of a cluster. */
export interface TokenStore {
  /**
   * Creates a token and stores its hash, durably.
   *
   * @returns the token itself, which is stored nowhere.
   * @throws DaemonError `TOKEN_EXISTS`, `TOKEN_NAME_INVALID`.
   */
  create(token: TokenRequest): Promise<string>;
  /** Removes a token, durably. @throws DaemonError `TOKEN_NOT_FOUND`, `TOKEN_NAME_INVALID`. */
  revoke(name: string): Promise<void>;
  /** Returns all tokens. @throws DaemonError `HTTP_TOKEN_INVALID` if others can add tokens. */
  read(): Promise<StoredTokens>;
  /** Changes with the tokens. Undefined if there are none, or if only a look can tell. */
  stamp(): bigint | undefined;
  /** Returns when each token was last used, by name. */
  readUses(): Promise<TokenUses>;
  /** Saves the last uses of some tokens. */
  noteUses(uses: TokenUses): Promise<void>;
}

/** Returns the tokens of a bus on one machine. */
export const folderTokens = (busRoot: string): TokenStore => {
  const stamp = () => lstatSync(tokensFolderOf(busRoot), { bigint: true, throwIfNoEntry: false })?.mtimeNs;
  return {
    create: token => createToken(busRoot, token),
    revoke: name => revokeToken(busRoot, name),
    read: async () => {
      if (!isTokensFolderSafe(busRoot))
        throw daemonError('HTTP_TOKEN_INVALID', 'Others than the owner of the bus can create tokens.', {
          hint: `Look at \`ls -ld ${tokensFolderOf(busRoot)}\`. Move it away, and create new tokens.`,
        });
      return { ...readTokens(busRoot), areNeeded: stamp() !== undefined };
    },
    stamp,
    readUses: async () => readTokenUses(busRoot),
    noteUses: async uses => {
      const names = new Set([configuredTokenName, ...readTokens(busRoot).tokens.map(({ name }) => name)]);
      const all = Object.entries({ ...readTokenUses(busRoot), ...uses });
      writeTokenUses(busRoot, Object.fromEntries(all.filter(([name]) => names.has(name))));
    },
  };
};
