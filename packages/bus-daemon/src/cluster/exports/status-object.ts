import { exportStatusFile } from '@quantbot/bus-format/state';
import { stateText } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { type ClusterExport, entriesOf } from './golden-exports.js';

const key = `exports/${exportStatusFile}`;

const textOf = (exports: object, servedSeq: number): Buffer =>
  Buffer.from(stateText({ updated_at: new Date().toISOString(), served_seq: servedSeq, exports }));

/** Creates an empty status if there is none, because `catalog.exports_d` reads it. */
export async function ensureExportStatus(objects: Pick<Objects, 'create'>): Promise<void> {
  await objects.create(key, textOf({}, 0));
}

/** Replaces the status of all exports. */
export const putExportStatus = (
  objects: Pick<Objects, 'replace' | 'locationOf'>,
  items: readonly ClusterExport[],
  servedSeq: number,
): Promise<void> => objects.replace(key, textOf(entriesOf(objects, items), servedSeq));
