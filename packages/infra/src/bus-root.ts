import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { busLayout, fileNames, layoutVersion } from './bus-layout.js';
import { checkedRoot, findBusConfig } from './config/config.js';
import { busError, systemErrorCode } from './errors.js';
import { createFileDurable, makeFolderDurable } from './files/write.js';

const markerSchema = z.looseObject({
  bus: z.literal('quantbot-artifact-bus'),
  layout_version: z.number().int(),
  bus_id: z.string(),
  created_at: z.string(),
});

/** The marker file of a bus root. A daemon reads what is submitted to a marked folder. */
export type BusMarker = z.infer<typeof markerSchema>;

/**
 * Reads the marker of a bus root. Returns undefined if the folder has none.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND` when the marker is damaged or of a newer layout than this
 * version knows.
 */
export async function readBusMarker(busRoot: string): Promise<BusMarker | undefined> {
  const path = join(busRoot, fileNames.marker);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
  const parsed = markerSchema.safeParse(safeJson(text));
  if (!parsed.success) throw busError('BUS_ROOT_NOT_FOUND', `${path} is not the marker of a bus.`);
  if (parsed.data.layout_version > layoutVersion)
    throw busError(
      'BUS_ROOT_NOT_FOUND',
      `${busRoot} has layout ${parsed.data.layout_version}; this version knows ${layoutVersion}.`,
      {
        hint: 'Upgrade the @quantbot packages.',
      },
    );
  return parsed.data;
}

/**
 * Creates the folders of a bus root, and its marker last. Safe to run again: existing folders stay.
 *
 * @param umask for `inbox/` and `staging/`, where producers of other users may write; the process's
 * own by default.
 */
export async function initBusRoot(busRoot: string, umask?: number): Promise<BusMarker> {
  const root = checkedRoot(resolve(busRoot));
  if (umask !== undefined) {
    await makeFolderDurable(root);
    for (const folder of [busLayout(root).staging, busLayout(root).inbox]) makeShared(folder, umask);
  }
  const { marker, root: _root, journal: _journal, ...folders } = busLayout(root);
  for (const folder of Object.values(folders)) await makeFolderDurable(folder);
  const there = await readBusMarker(root);
  if (there !== undefined) return there;
  const made: BusMarker = {
    bus: 'quantbot-artifact-bus',
    layout_version: layoutVersion,
    bus_id: randomUUID(),
    created_at: new Date().toISOString(),
  };
  // If two daemons start together for the first time, one creates the marker and both use it.
  if (await createFileDurable(marker, `${JSON.stringify(made, null, 2)}\n`)) return made;
  return (await readBusMarker(root)) ?? made;
}

/**
 * Set the mode at creation: changing it later may be forbidden in a folder whose group is
 * inherited.
 */
function makeShared(folder: string, umask: number): void {
  const own = process.umask(umask);
  try {
    mkdirSync(folder, { recursive: true });
  } finally {
    process.umask(own);
  }
}

/**
 * Finds the bus root to submit to: the argument, then `QUANTBOT_BUS_ROOT`, then the nearest
 * `bus_config.json`, then `data/bus`.
 *
 * @returns its absolute path.
 * @throws BusError `BUS_ROOT_NOT_FOUND` if the folder has no marker, so that no daemon would read
 * it.
 */
export async function findBusRoot(busRoot?: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const root = busRoot ?? (env.QUANTBOT_BUS_ROOT || undefined) ?? findBusConfig({ env }).config.busRoot;
  const path = checkedRoot(resolve(root));
  if ((await readBusMarker(path)) === undefined)
    throw busError(
      'BUS_ROOT_NOT_FOUND',
      `${path} is not a bus: no daemon has ever marked it, so no daemon would read a job there.`,
    );
  return path;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema then rejects it
  }
}
