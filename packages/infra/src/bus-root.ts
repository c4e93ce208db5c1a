import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { busLayout, fileNames, layoutVersion } from './bus-layout.js';
import { type ClusterConfig, withVariables } from './config/cluster.js';
import { checkedRoot, findBusConfig } from './config/config.js';
import { BusError, busError, systemErrorCode } from './errors.js';
import { isNotRegular, readSmallFile, smallFileBytes } from './files/read-small.js';
import { parseState, readState, stateText, writeStateDurable } from './files/state-file.js';
import { createFileDurable, makeFolderDurable } from './files/write.js';
import { isRemoteRoot } from './object-root.js';

const markerSchema = z.looseObject({
  bus: z.literal('quantbot-artifact-bus'),
  layout_version: z.number().int(),
  bus_id: z.string(),
  created_at: z.string(),
});

/**
 * The mode of folders where other users may write, if the umask lets them. It is sticky: each user
 * can rename only its own jobs.
 */
const sharedFolderMode = 0o1777;

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
    text = readSmallFile(path, smallFileBytes, { followLinks: true }).toString('utf8');
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined;
    if (error instanceof BusError || isNotRegular(error)) throw damagedMarker(path, 'is not a regular file');
    throw error;
  }
  return markerIn(text, busRoot, path);
}

/** The marker of a bus, from the text of its file or object. @throws as {@link readBusMarker}. */
export function markerIn(text: string, busRoot: string, path: string): BusMarker {
  const marker = parseState(text, markerSchema);
  const version = marker?.layout_version ?? versionIn(text);
  if (version !== undefined && version > layoutVersion)
    throw busError('BUS_ROOT_NOT_FOUND', `${busRoot} has layout ${version}; this version knows ${layoutVersion}.`, {
      hint: `Upgrade the @quantbot packages.${marker === undefined ? ` If this version made the bus, its marker is damaged. ${cureOf(path)}` : ''}`,
    });
  if (marker === undefined) throw damagedMarker(path, 'is damaged: it is not the marker of a bus as it was written');
  return marker;
}

/**
 * Returns the hint for a damaged marker. Only the marker holds the identity of the bus: with a new
 * marker, exports and backups start over.
 */
const cureOf = (path: string): string =>
  path.includes('://')
    ? 'Run `quantbot-bus cluster init`, which writes it again.'
    : `Start the daemon: it restores the file from journal/${fileNames.marker}. If that is lost too, restore ${path} from a backup. Without one, stop the daemon, run \`mv ${path} ${path}.damaged\`, and start it again. It then writes a new one. Nothing else is lost.`;

/** Whether a text is neither the marker of a bus nor that of a newer version. */
export const isDamagedMarker = (text: string): boolean =>
  parseState(text, markerSchema) === undefined && (versionIn(text) ?? 0) <= layoutVersion;

const damagedMarker = (path: string, what: string) =>
  busError('BUS_ROOT_NOT_FOUND', `${path} ${what}.`, { hint: cureOf(path) });

/** Returns the layout version of a marker that fails this version's checks. */
const versionIn = (text: string): number | undefined =>
  z.object({ bus: z.literal('quantbot-artifact-bus'), layout_version: z.number().int() }).safeParse(safeJson(text)).data
    ?.layout_version;

/**
 * Rewrites the marker and its copy if they are missing or damaged. Only the daemon may call this:
 * it knows the marker and holds the bus's lock.
 *
 * @returns whether it wrote the marker.
 */
export async function mendBusMarker(busRoot: string, marker: BusMarker): Promise<boolean> {
  await keepCopy(busRoot, marker);
  const path = join(busRoot, fileNames.marker);
  if (typeof readState(path, markerSchema) !== 'string') return false;
  await writeStateDurable(path, marker);
  return true;
}

/**
 * Records that a bus has another layout now. The caller holds the bus's lock, and has changed the
 * bus. The copy is written last: until then the marker counts.
 */
export async function recordLayout(busRoot: string, version: number): Promise<void> {
  const marker = await readBusMarker(busRoot);
  if (marker === undefined) throw busError('BUS_ROOT_NOT_FOUND', `${busRoot} has no marker.`);
  const { check: _check, ...fields } = marker;
  const next = { ...fields, layout_version: version };
  await writeStateDurable(join(busRoot, fileNames.marker), next);
  await writeStateDurable(copyOf(busRoot), next);
}

const newMarker = (busId: string): BusMarker => ({
  bus: 'quantbot-artifact-bus',
  layout_version: layoutVersion,
  bus_id: busId,
  created_at: new Date().toISOString(),
});

/** The text of the marker of a new bus. */
export const newMarkerText = (busId: string): string => stateText(newMarker(busId));

/**
 * A second copy of the marker. A bus whose marker is lost keeps its identity, and so its backups
 * and exports.
 */
const copyOf = (busRoot: string): string => join(busLayout(busRoot).journal, fileNames.marker);

/** Whether the marker's copy in `journal/` can restore it. */
export const isMarkerCopySound = (busRoot: string): boolean =>
  typeof readState(copyOf(busRoot), markerSchema) !== 'string';

async function keepCopy(busRoot: string, marker: BusMarker): Promise<void> {
  const copy = readState(copyOf(busRoot), markerSchema);
  if (typeof copy === 'string' || copy.bus_id !== marker.bus_id) await writeStateDurable(copyOf(busRoot), marker);
}

/**
 * Restores a lost or damaged marker from its copy. The caller must hold the bus's lock, or be about
 * to create the bus.
 *
 * @returns whether it restored the marker.
 */
export async function restoreBusMarker(busRoot: string): Promise<boolean> {
  const path = join(busRoot, fileNames.marker);
  if (typeof readState(path, markerSchema) !== 'string') return false;
  const copy = readState(copyOf(busRoot), markerSchema);
  if (typeof copy === 'string' || copy.layout_version > layoutVersion) return false;
  await writeStateDurable(path, copy);
  return true;
}

/**
 * Creates the folders of a bus root, and its marker last. Safe to run again: existing folders stay.
 *
 * @param umask for `inbox/` and `staging/`, where producers of other users may write; the process's
 * own by default.
 */
export async function initBusRoot(busRoot: string, umask?: number): Promise<BusMarker> {
  if (isRemoteRoot(busRoot))
    throw busError('BUS_ROOT_INVALID', `${busRoot} is not a folder, and this command works on one.`);
  const root = checkedRoot(resolve(busRoot));
  if (umask !== undefined) {
    await makeFolderDurable(root);
    for (const folder of [busLayout(root).staging, busLayout(root).inbox]) makeShared(folder, umask);
  }
  const { marker, root: _root, journal: _journal, ...folders } = busLayout(root);
  const shared = [folders.inbox, folders.staging];
  for (const folder of Object.values(folders))
    await (shared.includes(folder) ? makeFolderDurable(folder, sharedFolderMode) : makeFolderDurable(folder));
  await restoreBusMarker(root);
  const there = await readBusMarker(root);
  if (there !== undefined) {
    await keepCopy(root, there);
    return there;
  }
  const made = newMarker(randomUUID());
  // If two daemons start together for the first time, one creates the marker and both use it.
  const isFirst = await createFileDurable(marker, stateText(made));
  const agreed = isFirst ? made : ((await readBusMarker(root)) ?? made);
  await keepCopy(root, agreed);
  return agreed;
}

/**
 * Set the mode at creation: changing it later may be forbidden in a folder whose group is
 * inherited.
 */
function makeShared(folder: string, umask: number): void {
  const own = process.umask(umask);
  try {
    mkdirSync(folder, { recursive: true, mode: sharedFolderMode });
  } finally {
    process.umask(own);
  }
}

/** Where jobs are submitted. */
export interface SubmitRoot {
  /** Absolute path, or the URL of an object store or a daemon's server. */
  busRoot: string;
  /** S3 settings of the configuration; undefined if only the environment has them. */
  s3: ClusterConfig['s3'] | undefined;
}

/** Like {@link findBusRoot}. Also returns the S3 settings of a cluster's configuration. */
export async function findSubmitRoot(busRoot?: string, env: NodeJS.ProcessEnv = process.env): Promise<SubmitRoot> {
  const named = busRoot ?? (env.QUANTBOT_BUS_ROOT || undefined);
  if (named !== undefined) return { busRoot: await checkedBus(named), s3: undefined };
  const { config } = findBusConfig({ env });
  if (config.cluster === undefined) return { busRoot: await checkedBus(config.busRoot), s3: undefined };
  return { busRoot: withVariables(config.cluster.objects), s3: config.cluster.s3 };
}

/**
 * Finds the bus root to submit to: the argument, then `QUANTBOT_BUS_ROOT`, then the nearest
 * `bus_config.json` (for a cluster, its object store), then `data/bus`.
 *
 * @returns its absolute path, or the URL of an object store, which this function does not open.
 * @throws BusError `BUS_ROOT_NOT_FOUND` if the folder has no marker, so that no daemon would read
 * it.
 */
export async function findBusRoot(busRoot?: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return (await findSubmitRoot(busRoot, env)).busRoot;
}

async function checkedBus(root: string): Promise<string> {
  if (isRemoteRoot(root)) return root;
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
    return undefined;
  }
}
