import { lineageCursorSchema, readLineageCursor, writeLineageCursor } from '@quantbot/bus-format/state';
import { objectKeys } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { parseState, stateText } from '@quantbot/infra/files';
import { openObjects } from '@quantbot/infra/objects';
import { openCatalog } from '@quantbot/storage';
import { lakeAddress } from '@quantbot/storage/lake';
import type { LineageSource } from './follow.js';

const maxCursorBytes = 4096;

/**
 * Opens the catalog of a bus, and its cursor.
 *
 * @throws StorageError as `openCatalog`.
 */
export async function openSource({
  cluster,
  busRoot,
  duckdbPath,
}: Pick<BusConfig, 'cluster' | 'busRoot' | 'duckdbPath'>): Promise<LineageSource> {
  if (cluster !== undefined) return openClusterSource(cluster);
  return {
    catalog: await openCatalog({ duckdbPath }),
    cursor: {
      read: async () => readLineageCursor(busRoot),
      write: async seq => {
        writeLineageCursor(busRoot, seq);
        return true;
      },
    },
  };
}

/** Opens the lake of a cluster. The cursor is an object, so that another daemon can continue. */
async function openClusterSource(cluster: ClusterConfig): Promise<LineageSource> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const read = async () => {
    const text = await objects.read(objectKeys.lineageCursor, maxCursorBytes);
    return (text && parseState(text.toString('utf8'), lineageCursorSchema))?.seq ?? 0;
  };
  let known: number | undefined;
  return {
    catalog: await openCatalog({ lake: await lakeAddress(cluster) }),
    cursor: {
      read: async () => {
        known = await read();
        return known;
      },
      write: async seq => {
        // A daemon that was frozen may still send: whoever finds the cursor moved, ends.
        if ((await read()) !== known) return false;
        await objects.replace(objectKeys.lineageCursor, Buffer.from(stateText({ seq })));
        known = seq;
        return true;
      },
    },
  };
}
