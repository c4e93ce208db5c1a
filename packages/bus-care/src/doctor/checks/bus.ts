import { existsSync } from 'node:fs';
import { filesForFolders } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import { isMarkerCopySound, readBusMarker } from '@quantbot/infra/bus';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';
import { shellWord } from '../words.js';

/** Checks that a daemon has initialised the bus root, and that all of its folders exist. */
export async function bus({ config, layout, run }: ExaminedBus): Promise<Finding[]> {
  const marker = await readBusMarker(config.busRoot).catch((error: unknown) => {
    if (error instanceof BusError) return error;
    throw error;
  });
  if (marker instanceof BusError)
    return [
      finding(
        'MARKER_UNREADABLE',
        marker.message,
        marker.hint.startsWith('Upgrade')
          ? marker.hint
          : isMarkerCopySound(config.busRoot)
            ? run('start')
            : `Restore ${layout.marker} from a backup. If there is none: stop the daemon, \`mv ${shellWord(layout.marker)} ${shellWord(`${layout.marker}.damaged`)}\`, then ${run('start')} writes a new one`,
      ),
    ];
  if (marker === undefined)
    return [
      finding(
        'BUS_NOT_STARTED',
        `No daemon has run at ${config.busRoot} yet, so no producer can submit.`,
        run('start'),
      ),
    ];
  // The journal cannot be rebuilt from other files. Its own check reports it.
  const { marker: _marker, journal, hot, segments, ...folders } = layout;
  const taken = filesForFolders(config).map(path =>
    finding(
      'FOLDER_MISSING',
      `${path} is not a folder, and must be one. The daemon cannot work without it.`,
      `\`mv ${shellWord(path)} ${shellWord(`${path}.aside`)}\`. If the folder held data, restore it from a backup; if not, \`mkdir -p ${shellWord(path)}\``,
    ),
  );
  const missing = Object.values(folders).filter(folder => !existsSync(folder));
  const gone = missing.map(folder =>
    finding(
      'FOLDER_MISSING',
      `${folder} is missing. The daemon cannot work without it.`,
      `\`mkdir -p ${shellWord(folder)}\``,
    ),
  );
  return orFine([...taken, ...gone], 'bus', `${config.busRoot}, created ${marker.created_at}`);
}
