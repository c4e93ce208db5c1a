import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasHardLinks } from '@quantbot/bus-format/state';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { mountOf, nearestExisting, sharedFileSystem } from '../mounts.js';
import { shellWord } from '../words.js';

/** Checks that renames, hard links and locks work on the file systems of the bus. */
export async function fileSystems({ config, layout }: ExaminedBus): Promise<Finding[]> {
  const { marker: _marker, root, ...folders } = layout;
  const database = dirname(config.duckdbPath);
  const wanted = [root, ...Object.values(folders), database];
  const there = [...new Set(wanted.map(nearestExisting))];
  const [first = root] = there;
  const apart = there.filter(path => mountOf(path) !== mountOf(first));
  const linkless = [...new Set([nearestExisting(layout.building), nearestExisting(database)])].filter(isLinkless);
  return orFine(
    [
      ...apart.map(path => cutOff(path, first)),
      ...linkless.map(withoutLinks),
      ...[...new Set([first, nearestExisting(database)])].flatMap(shared),
    ],
    'file-systems',
    `all folders of the bus on one, mounted at ${mountOf(first)}`,
  );
}

const cutOff = (path: string, root: string): Finding =>
  finding(
    'DIFFERENT_FILE_SYSTEMS',
    `${path} is on another file system (or another mount) than ${root}: jobs and databases cannot be renamed across it.`,
    mountOf(path) === path
      ? `Stop the daemon, move its files away, \`umount ${shellWord(path)}\``
      : 'Put bus_root and duckdb_path of bus_config.json on one file system',
  );

/**
 * Whether the file system of a folder has no hard links. Other checks report a folder that cannot
 * be written to.
 */
function isLinkless(folder: string): boolean {
  try {
    return !hasHardLinks(folder);
  } catch {
    return false;
  }
}

const withoutLinks = (path: string): Finding =>
  finding(
    'NO_HARD_LINKS',
    `The file system of ${path} has no hard links (exFAT, FAT, most shared folders): the daemon refuses to start there.`,
    'Put bus_root and duckdb_path of bus_config.json on ext4, XFS, btrfs, APFS or NTFS',
  );

function shared(path: string): Finding[] {
  const name = sharedFileSystem(statfsSync(path).type);
  if (name === undefined) return [];
  return [
    finding(
      'NETWORK_FILE_SYSTEM',
      `${path} is on ${name}, where other machines may not see locks: two daemons could write at once.`,
      'Put bus_root and duckdb_path on a local disk, or run daemons on one machine only',
    ),
  ];
}
