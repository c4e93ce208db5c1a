import { lstatSync } from 'node:fs';
import { shellWord } from './words.js';

/**
 * Returns a command on a folder of the inbox, to run as the folder's owner. Another user can put a
 * link in the place of its folder or files, and the command would follow it with our rights.
 */
export function asOwner(folder: string, command: string): string {
  const uid = lstatSync(folder, { throwIfNoEntry: false })?.uid ?? 'UID';
  return uid === process.getuid?.() ? command : `sudo -u ${shellWord(`#${uid}`)} ${command}`;
}
