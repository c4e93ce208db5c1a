import { dirname } from 'node:path';
import type { StoreProblem } from '@quantbot/bus-care/verify';
import { datasetManifest, exportStatusFile, isExportStatus, isManifestOfDataset } from '@quantbot/bus-format/state';
import { markerIn, objectKeys } from '@quantbot/infra/bus';
import { type CompareOptions, compareObject } from '../compare-object.js';
import { exportObjects, knownExports } from '../exports.js';
import { type ClusterPlaces, hurtIn, lakeFiles } from '../lake/lake-files.js';
import { readState } from '../read-state.js';
import { operatedTables } from '../table-operations.js';

const maxStateBytes = 64 * 1024 * 1024;

/** An object that daemons wrote, and the check of its content. */
export interface OwnObject {
  /** Its key. */
  what: string;
  bytes: number;
  /** Returns undefined if the object is sound, or is not needed any more. */
  check(options: CompareOptions): Promise<StoreProblem | undefined>;
}

/** Lists the objects that daemons wrote, but for the journal and the outcomes of jobs. */
export const listOwnObjects = async (places: ClusterPlaces): Promise<OwnObject[]> => [
  ...(await stateObjects(places)),
  ...(await filesOfLake(places)),
  ...(await filesOfExports(places)),
];

async function stateObjects({ postgres, objects }: ClusterPlaces): Promise<OwnObject[]> {
  const [head] = await postgres.query<{ busId: string }>('SELECT bus_id AS "busId" FROM bus.head');
  const datasets = (await knownExports(postgres)).flatMap(({ name, folder, seq }) =>
    folder === null
      ? []
      : {
          what: `${dirname(folder)}/${datasetManifest}`,
          isSound: (text: string) => isManifestOfDataset(text, name, seq),
          cure: `quantbot-bus export ${name} --force writes it again`,
        },
  );
  return [
    {
      what: objectKeys.marker,
      isSound: (text: string) => isMarkerOf(head?.busId, text, objects.url),
      cure: 'run quantbot-bus cluster init, which writes it again; if it is that of another bus, remove it first',
    },
    {
      what: `exports/${exportStatusFile}`,
      isSound: isExportStatus,
      cure: 'the next export writes it again, and so does quantbot-bus export --force',
    },
    ...datasets,
  ].map(({ what, isSound, cure }) => ({
    what,
    bytes: 0,
    async check() {
      const damaged = { code: 'STATE_DAMAGED' as const, what, detail: `it is not as it was written; ${cure}` };
      const text = await readState(objects, what, maxStateBytes);
      if (text === undefined) return { ...damaged, detail: `it is gone; ${cure}` };
      return text !== 'damaged' && isSound(text.toString('utf8')) ? undefined : damaged;
    },
  }));
}

function isMarkerOf(busId: string | undefined, text: string, url: string): boolean {
  try {
    return markerIn(text, url, objectKeys.marker).bus_id === busId;
  } catch {
    return false;
  }
}

async function filesOfLake(places: ClusterPlaces): Promise<OwnObject[]> {
  const { postgres, root } = places;
  const { names } = await operatedTables(postgres);
  return (await lakeFiles(postgres, root)).map(file => ({
    what: file.key,
    bytes: file.bytes,
    async check(options) {
      const wrong = await hurtIn(places, file, options);
      if (wrong === undefined) return undefined;
      const what = file.table === undefined ? 'the catalog' : `canon.${names.nameOf(file.table)}`;
      const detail = `${wrong}, so ${what} may show wrong rows; run quantbot-bus rebuild, which reads the store`;
      return { code: 'TABLE_DAMAGED', what: file.key, detail };
    },
  }));
}

async function filesOfExports({ postgres, objects }: ClusterPlaces): Promise<OwnObject[]> {
  return (await exportObjects(postgres)).map(file => ({
    what: file.key,
    bytes: file.bytes,
    async check(options) {
      const wrong = await compareObject(objects, file, options);
      if (wrong === undefined) return undefined;
      // A run replaces a file before it records the new one. It marks a dataset that it changes.
      const isAlone = file.key === `exports/${file.name}.parquet`;
      const newer = { key: file.key, ofExport: { name: file.name, minSeq: file.seq } };
      const readIt = { ...options, trustsStore: false };
      const isWhole = isAlone && (await compareObject(objects, newer, readIt)) === undefined;
      const isMeant = (await exportObjects(postgres)).some(({ sha256 }) => sha256 === file.sha256);
      if (isWhole || !isMeant) return undefined;
      const detail = `${wrong}; quantbot-bus export ${file.name} --force writes it again`;
      return { code: 'EXPORT_DAMAGED', what: file.key, detail };
    },
  }));
}
