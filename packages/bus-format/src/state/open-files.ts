import { readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Whether a process has a file below a folder open. It sees the processes of its own user, and as
 * root those of all users. Without /proc it sees none.
 */
export async function hasOpenFiles(folder: string): Promise<boolean> {
  const within = `${await realpath(folder).catch(() => folder)}/`; // gone meanwhile
  for (const pid of await readdir('/proc').catch(() => []))
    if (/^\d+$/.test(pid) && (await holds(`/proc/${pid}/fd`, within))) return true;
  return false;
}

async function holds(descriptors: string, within: string): Promise<boolean> {
  for (const name of await readdir(descriptors).catch(() => [])) {
    const path = await readlink(join(descriptors, name)).catch(() => ''); // closed meanwhile
    if (path.startsWith(within)) return true;
  }
  return false;
}
