import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Returns a value that is equal for two paths exactly if a rename between them is possible. It is
 * the mount of the path, because a bind mount has the same device but refuses renames. Without
 * /proc it is the device.
 */
export function mountOf(path: string): string {
  const real = realpathSync(path);
  const below = mountPoints().filter(point => point === '/' || real === point || real.startsWith(`${point}/`));
  return below.reduce<string | undefined>(longer, undefined) ?? `device ${statSync(path).dev}`;
}

/** Returns the path if it exists, otherwise the nearest existing folder above it. */
export const nearestExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));

const longer = (one: string | undefined, other: string): string =>
  one !== undefined && one.length > other.length ? one : other;

function mountPoints(): string[] {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap(line => line.split(' ').slice(4, 5))
      .map(text => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  } catch {
    return [];
  }
}

/**
 * File systems whose locks other machines or programs may not see: names by the type number of
 * `statfs`.
 */
const sharedFileSystems: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'SMB',
  4266872130: 'SMB',
  1397113167: 'AFS',
  1799439955: 'AFS',
  12805120: 'Ceph',
  198183888: 'Lustre',
  16914839: '9p',
  1702057286: 'FUSE',
  2020557398: 'a shared folder of VirtualBox',
};

/**
 * Returns the name of a file system on which locks may not work; undefined for any other. `type` is
 * the type number of `statfs`.
 */
export const sharedFileSystem = (type: number): string | undefined => sharedFileSystems[type >>> 0];
