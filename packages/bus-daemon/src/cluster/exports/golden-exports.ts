import { hash } from 'node:crypto';
import {
  changedTables,
  type ExportRequest,
  type KnownExport,
  knownExports,
  tablesAt,
  turnsOfTables,
} from '@quantbot/bus-cluster';
import { modes, type TableRegistry } from '@quantbot/bus-format/canon';
import type { ExportEntry } from '@quantbot/bus-format/state';
import { tableInOrder } from '@quantbot/bus-format/views';
import type { ExportState } from '@quantbot/bus-http';
import type { BusConfig, ExportFileOptions } from '@quantbot/infra/config';
import type { Objects } from '@quantbot/infra/objects';
import { defaultOptions, filesBy } from '../../writer/exports/golden-export.js';
import type { Cluster } from '../cluster.js';

/** A golden export of a cluster. */
export interface ClusterExport {
  name: string;
  /** Its canonical table, by the first name of it; undefined for a SELECT of the configuration. */
  table?: string;
  sql: string;
  /** For a growing table: SQL for the rows of some jobs, in their order. */
  sqlBetween?: (fromSeq: number, upToSeq: number) => string;
  untrusted: boolean;
  options: ExportFileOptions;
  definition: string;
  /** The last published job that may have changed it. */
  changedSeq: number;
  known: KnownExport | undefined;
}

/** Returns the key of an export's file. */
export const exportKey = (name: string): string => `exports/${name}.parquet`;

/** Returns the exports of the canonical tables, and those of the configuration. */
export async function clusterExports(
  { postgres, config }: { postgres: Cluster['postgres']; config: BusConfig },
  publishedSeq: number,
): Promise<ClusterExport[]> {
  const known = new Map((await knownExports(postgres)).map(entry => [entry.name, entry]));
  const named = new Set(config.export.jobs.map(({ name }) => name.toLowerCase()));
  const changed = await changedTables(postgres, publishedSeq);
  const turns = await turnsOfTables(postgres, publishedSeq);
  const shapes = await datasetTables({ postgres, config }, publishedSeq);
  const ofTables = [...changed].flatMap(([name, { table: first, seq: changedSeq }]) => {
    const settings = config.export.tables[name];
    if (first === undefined || named.has(name) || settings?.enabled === false) return [];
    const table = shapes?.get(first);
    const grows = table !== undefined && modes[table.mode].onlyGrows;
    const sqlBetween = (fromSeq: number, upToSeq: number) => tableInOrder(name, { fromSeq, upToSeq });
    return {
      name,
      table: first,
      sql: tableInOrder(name),
      ...(grows && { sqlBetween }),
      untrusted: false,
      options: settings ?? defaultOptions,
      // Files of a dataset keep their columns, so other columns need a new dataset.
      columns: settings?.layout === 'dataset' ? table?.columns.map(({ name, type }) => [name, type]) : undefined,
      turn: settings?.layout === 'dataset' ? turns.get(first) : undefined,
      changedSeq,
    };
  });
  const ofConfig = config.export.jobs.map(({ name, sql, options }) => ({ name, sql, untrusted: true, options }));
  return [
    ...ofTables.map(({ columns, turn, ...item }) => ({
      ...item,
      // Rows that left the table, or came back, are in files that a dataset would keep.
      definition: definitionOf([item.sql, filesBy(item.options), columns, ...(turn === undefined ? [] : [turn])]),
      known: known.get(item.name),
    })),
    ...ofConfig.map(item => {
      const definition = definitionOf([item.sql, filesBy(item.options)]);
      const last = known.get(item.name);
      // The tables are known only for the SQL that it was written with.
      const reads = last?.definition === definition ? last.reads : null;
      const changedSeq =
        reads === null ? publishedSeq : Math.max(0, ...reads.map(table => changed.get(table)?.seq ?? 0));
      return { ...item, definition, changedSeq, known: last };
    }),
  ];
}

const definitionOf = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts));

/** Returns the published canonical tables, if one of them is exported as a dataset. */
async function datasetTables(
  { postgres, config }: { postgres: Cluster['postgres']; config: BusConfig },
  publishedSeq: number,
): Promise<TableRegistry | undefined> {
  if (!Object.values(config.export.tables).some(({ layout }) => layout === 'dataset')) return undefined;
  return tablesAt(postgres, publishedSeq, config.canon.tables);
}

/** Returns the path of an export: its file, or the folder of its dataset. */
export const locationOfExport = (objects: Pick<Objects, 'locationOf'>, { name, known }: ClusterExport): string =>
  objects.locationOf(known?.folder ?? exportKey(name));

/** Returns the last run of each export that was tried, as in `_export_status.json`. */
export const entriesOf = (
  objects: Pick<Objects, 'locationOf'>,
  items: readonly ClusterExport[],
): Record<string, ExportEntry> =>
  Object.fromEntries(
    items.flatMap(item => (item.known === undefined ? [] : [[item.name, entryOf(objects, item, item.known)]])),
  );

function entryOf(objects: Pick<Objects, 'locationOf'>, item: ClusterExport, known: KnownExport): ExportEntry {
  const wasWritten = known.definition !== '';
  return {
    ok: known.error === null,
    path: locationOfExport(objects, item),
    rows: wasWritten ? known.rows : null,
    bytes: wasWritten ? known.bytes : null,
    sha256: known.sha256,
    files: wasWritten ? known.files : null,
    as_of_seq: known.seq,
    definition: wasWritten ? known.definition : null,
    started_at: new Date(Date.parse(known.triedAt ?? known.finishedAt)).toISOString(),
    duration_ms: known.durationMs ?? 0,
    error: known.error,
  };
}

/** Whether its source has changed since it was written, or its last attempt failed. */
export const isBehind = ({ known, changedSeq, definition }: ClusterExport): boolean =>
  known === undefined || known.seq < changedSeq || known.definition !== definition || known.error !== null;

/** Whether an operator asked for it. */
export const isAskedFor = ({ name }: ClusterExport, { names }: ExportRequest): boolean =>
  names.length === 0 || names.includes(name);

/** Whether a request to rewrite it is still open. */
export const isForced = (item: ClusterExport, request: ExportRequest): boolean =>
  request.force && isAskedFor(item, request) && (item.known?.seq ?? 0) < request.seq;

/** Returns the state of an export for onlookers. */
export function stateOf(item: ClusterExport, { objects }: Pick<Cluster, 'objects'>): ExportState {
  const { name, known } = item;
  const written = known !== undefined && known.definition !== '' ? known : undefined;
  return {
    name,
    path: locationOfExport(objects, item),
    ok: known === undefined ? null : known.error === null,
    upToDate: !isBehind(item),
    writtenAtMs: written && Date.parse(written.finishedAt),
    lastRunAtMs: known?.triedAt == null ? undefined : Date.parse(known.triedAt),
    durationMs: known?.durationMs ?? null,
    rows: written?.rows ?? null,
    bytes: written?.bytes ?? null,
    files: written?.files ?? null,
    asOfSeq: written?.seq ?? null,
    error: known?.error ?? null,
  };
}
