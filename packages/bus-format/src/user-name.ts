import { userInfo } from 'node:os';

/** Returns the name of this process's user; `uid 1000` for one without a name, as in containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
