import { join, relative } from 'node:path';
import { unlessUnreadable } from '@quantbot/bus-format';
import { isDefinitionDamaged } from '@quantbot/bus-format/canon';
import {
  backupGuardOf,
  checkExportStatus,
  daemonStateSchema,
  datasetSchema,
  exportStatusFile,
  forgottenFileOf,
  forgottenStateSchema,
  gcFileOf,
  gcStateSchema,
  guardsOf,
  lineageCursorFileOf,
  lineageCursorSchema,
  listDamagedAdoptions,
  lookAtGuard,
  manifestOf,
  readExportStatus,
  readTokens,
  scrubFileOf,
  scrubGuardOf,
  scrubStateSchema,
  stateFileOf,
  tokensFolderOf,
  tokenUsesFileOf,
  tokenUsesSchema,
} from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import { type BusLayout, busLimitsSchema, isMarkerCopySound, limitsFileOf, readBusMarker } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, fileNames, readState } from '@quantbot/infra/files';
import type { OwnFile, StoreProblem, StoreProblemCode } from './problem.js';

/**
 * Lists the small files beside journal and store: marker, guards, states, records. `tables` are the
 * names of the folders in `canon/`.
 */
export async function stateFiles(config: BusConfig, layout: BusLayout, tables: readonly string[]): Promise<OwnFile[]> {
  const { root } = layout;
  const { exportDir } = config.export;
  const file = (
    path: string,
    isDamaged: () => boolean | Promise<boolean>,
    cure: string,
    code: StoreProblemCode = 'STATE_DAMAGED',
  ): OwnFile => {
    const below = relative(root, path);
    const what = below.startsWith('..') ? path : below;
    const problem: StoreProblem = { code, what, detail: `it is not as it was written; ${cure}` };
    return { what, path, check: async () => ((await isDamaged()) ? problem : undefined) };
  };
  const json = (path: string, schema: Parameters<typeof readState>[1], cure: string, code?: StoreProblemCode) =>
    file(path, () => readState(path, schema) === 'damaged', cure, code);
  const markerCopy = join(layout.journal, fileNames.marker);
  const adoptions = await listDamagedAdoptions(layout);
  return [
    file(layout.marker, () => isMarkerDamaged(root), markerCure),
    file(markerCopy, async () => (await exists(markerCopy)) && !isMarkerCopySound(root), copyCure),
    ...[...guardsOf(config), backupGuardOf(root), scrubGuardOf(root)].map(path =>
      file(path, async () => (await lookAtGuard(path)) === 'damaged', guardCure, 'GUARD_DAMAGED'),
    ),
    json(stateFileOf(root), daemonStateSchema, 'a daemon writes it again within seconds'),
    json(gcFileOf(root), gcStateSchema, 'the next garbage collection writes it again'),
    json(limitsFileOf(root), busLimitsSchema, 'the next start of the daemon writes it again'),
    json(forgottenFileOf(root), forgottenStateSchema, 'the daemon removes the bytes of forgotten artifacts again'),
    json(scrubFileOf(root), scrubStateSchema, 'the next scrub begins a new pass'),
    json(lineageCursorFileOf(root), lineageCursorSchema, 'the daemon sends the events of all jobs again'),
    json(tokenUsesFileOf(root), tokenUsesSchema, 'the server writes it again when a token is used'),
    ...damagedTokens(root).map(name =>
      file(
        join(tokensFolderOf(root), `${name}.json`),
        () => true,
        `no one has access by it; quantbot-bus token revoke ${name}, and create it again`,
      ),
    ),
    file(join(exportDir, exportStatusFile), () => checkExportStatus(exportDir) === 'damaged', statusCure),
    ...(await datasets(exportDir)).map(({ name, path, asOfSeq }) =>
      file(
        manifestOf(path),
        () => isManifestDamaged(path, asOfSeq),
        `quantbot-bus export ${name} --force writes the dataset again`,
        'EXPORT_DAMAGED',
      ),
    ),
    ...tables.map(table =>
      file(join(layout.canon, table, 'table.json'), () => isDefinitionDamaged(layout, table), tableCure),
    ),
    ...adoptions.map(path => file(path, () => true, 'quantbot-bus adopt says what to do')),
  ];
}

const markerCure = 'a running daemon writes it again within seconds, and the next start restores it';
const copyCure = 'a running daemon writes it again within seconds, and so does the next start';
const guardCure = 'nothing is lost: it holds no data, and its next user replaces it';
const statusCure = 'the daemon writes it again within seconds, or at its start';
const tableCure = 'the next start of the daemon compacts the table again from the store';

async function isMarkerDamaged(busRoot: string): Promise<boolean> {
  try {
    return (await readBusMarker(busRoot)) === undefined;
  } catch (error) {
    if (error instanceof BusError) return true;
    throw error;
  }
}

/** Only the daemon's user may read the tokens. Others verify the rest. */
const damagedTokens = (busRoot: string): string[] => unlessUnreadable(() => readTokens(busRoot).damaged) ?? [];

/** Returns the exports that are datasets. */
async function datasets(exportDir: string): Promise<{ name: string; path: string; asOfSeq: number }[]> {
  const { exports } = await readExportStatus(exportDir);
  return Object.entries(exports).flatMap(([name, { ok, path, sha256, as_of_seq: asOfSeq }]) =>
    ok && sha256 === null ? [{ name, path, asOfSeq }] : [],
  );
}

/** Whether the manifest of a dataset is damaged, or one of before its last recorded run. */
function isManifestDamaged(path: string, asOfSeq: number): boolean {
  const manifest = readState(manifestOf(path), datasetSchema);
  return manifest === 'damaged' || (manifest !== 'missing' && manifest.as_of_seq < asOfSeq);
}
