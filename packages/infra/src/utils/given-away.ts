import { statSync, unlinkSync } from 'node:fs';

/** A file that its producer gives away. */
export interface GivenAway {
  path: string;
  /** Says which file it was, and its state, before it was read. */
  state: string;
}

/**
 * Notes the file at a path. Call it before the file is read.
 *
 * @throws system errors as they come.
 */
export const givenAwayAt = (path: string): GivenAway => ({ path, state: stateOf(path) });

/**
 * Removes files that were given away. Another file that has the same name by now stays, since
 * nobody has submitted it. So does a file that cannot be removed.
 */
export function dropGivenAway(files: readonly GivenAway[]): void {
  for (const { path, state } of files)
    try {
      if (stateOf(path) === state) unlinkSync(path);
    } catch {}
}

/** A second link or another mode does not change it. */
function stateOf(path: string): string {
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}
