import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { userName } from '@quantbot/bus-format';
import { foldersOfOpenJobs, openFolders } from '@quantbot/bus-format/state';
import { systemErrorCode } from '@quantbot/infra/files';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { nearestExisting } from '../mounts.js';
import { many, shellWord } from '../words.js';

/** Checks that this user has the permissions that the daemon needs in the bus's folders. */
export async function permissions({ config, layout }: ExaminedBus): Promise<Finding[]> {
  const { marker: _marker, journal: _journal, ...folders } = layout;
  const wanted = [...Object.values(folders), dirname(config.duckdbPath), config.export.exportDir];
  const places = [...new Set(wanted.map(nearestExisting))];
  return orFine(
    [...places.flatMap(refusal), ...openToOthers(config), ...openJobs({ config, layout })],
    'permissions',
    `user ${userName()} may write to all folders`,
  );
}

/** Producers may write to the inbox and to staging. */
function openToOthers(config: ExaminedBus['config']): Finding[] {
  const open = openFolders(config);
  const [first] = open;
  if (first === undefined) return [];
  const { uid, gid, mode } = statSync(first);
  return [
    finding(
      'OPEN_TO_OTHERS',
      `Users other than the daemon's may write to ${many(open.length, 'folder')} of the bus, such as ${first} (uid ${uid}, gid ${gid}, mode ${(mode & 0o7777).toString(8)}): they can replace stored files.`,
      open.map(folder => `\`sudo chmod go-w ${shellWord(folder)}\``).join(', '),
    ),
  ];
}

/** In a sticky folder of another owner, the daemon could not take jobs. */
function openJobs({ config, layout: { claimed } }: Pick<ExaminedBus, 'config' | 'layout'>): Finding[] {
  const daemonUser = statSync(claimed, { throwIfNoEntry: false })?.uid;
  const open = foldersOfOpenJobs(config).filter(folder => statSync(folder).uid === daemonUser);
  if (open.length === 0) return [];
  return [
    finding(
      'JOBS_OPEN_TO_OTHERS',
      `A user who may write to ${open.join(' and ')} can rename the jobs of other users there.`,
      open.map(folder => `\`sudo chmod +t ${shellWord(folder)}\``).join(', '),
    ),
  ];
}

function refusal(folder: string): Finding[] {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    if (systemErrorCode(error) === 'EROFS')
      return [
        finding(
          'READ_ONLY',
          `${folder} is on a read-only mount.`,
          `Read the system log for the reason, then \`mount -o remount,rw "$(findmnt -n -o TARGET -T ${shellWord(folder)})"\``,
        ),
      ];
    const { uid, gid, mode } = statSync(folder);
    return [
      finding(
        'NOT_WRITABLE',
        `user ${userName()} may not write to ${folder} (it belongs to uid ${uid}, gid ${gid}, mode ${(mode & 0o7777).toString(8)}). Run doctor as the daemon's user to check that user's permissions.`,
        `\`sudo chown ${process.getuid?.()} ${shellWord(folder)}\`, \`sudo chmod u+rwx ${shellWord(folder)}\``,
      ),
    ];
  }
}
