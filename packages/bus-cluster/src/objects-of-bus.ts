import { setImmediate } from 'node:timers/promises';
import { busError, markerIn, maxMarkerBytes, objectKeys } from '@quantbot/infra/bus';
import { type Objects, openObjects, type S3Options } from '@quantbot/infra/objects';

/** Returns the id of the bus that the objects belong to; undefined if they have no marker. */
export async function busIdOf(objects: Objects): Promise<string | undefined> {
  const text = (await objects.read(objectKeys.marker, maxMarkerBytes))?.toString('utf8');
  return text === undefined ? undefined : markerIn(text, objects.url, `${objects.url}/${objectKeys.marker}`).bus_id;
}

/**
 * Opens the objects of a bus. A shared folder that is not mounted looks like an empty folder. So
 * each call on a folder also reads the marker, and fails without it.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND` if the marker is missing, `BUS_ROOT_INVALID` if it is that
 * of another bus. Each call may throw them, too.
 */
export async function openBusObjects(url: string, s3: S3Options | undefined, busId: string): Promise<Objects> {
  const objects = await openObjects(url, s3);
  const check = shared(() => mustBeOf(objects, busId));
  await check();
  return url.startsWith('file:') ? guarded(objects, check) : objects;
}

/** Answers concurrent calls together, by one look that begins after each of them. */
export function shared(look: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .then(() => setImmediate()) // the look itself may wait for nothing, and then no call would share it
      .then(() => {
        next = undefined;
        const own = look();
        running = own.catch(() => {});
        return own;
      });
    return next;
  };
}

async function mustBeOf(objects: Objects, busId: string): Promise<void> {
  const there = await busIdOf(objects);
  if (there === busId) return;
  if (there !== undefined)
    throw busError(
      'BUS_ROOT_INVALID',
      `${objects.url} belongs to the bus ${there}; the database has the bus ${busId}.`,
      {
        hint: 'Correct cluster.objects or cluster.postgres.',
      },
    );
  throw busError('BUS_ROOT_NOT_FOUND', `${objects.url} has no marker of a bus.`, {
    hint: 'Mount the shared folder, or correct cluster.objects. For a new bus, run `quantbot-bus cluster init`.',
  });
}

/** Checks the marker around calls that change something, and after calls that find nothing. */
function guarded(objects: Objects, check: () => Promise<void>): Objects {
  const changing = async <T>(work: () => Promise<T>): Promise<T> => {
    await check();
    const result = await work();
    await check();
    return result;
  };
  const finding = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = await work();
    if (result === undefined || (Array.isArray(result) && result.length === 0)) await check();
    return result;
  };
  return {
    url: objects.url,
    create: (...of) => changing(() => objects.create(...of)),
    replace: (...of) => changing(() => objects.replace(...of)),
    remove: (...of) => changing(() => objects.remove(...of)),
    head: (...of) => finding(() => objects.head(...of)),
    read: (...of) => finding(() => objects.read(...of)),
    readRange: (...of) => objects.readRange(...of),
    download: (...of) => finding(() => objects.download(...of)),
    list: (...of) => finding(() => objects.list(...of)),
    locationOf: key => objects.locationOf(key),
  };
}
