import { hash } from 'node:crypto';
import { changedTables, type ExportRequest, type KnownExport, knownExports } from '@quantbot/bus-cluster';
import { tableInOrder } from '@quantbot/bus-format/views';
import type { BusConfig, ExportFileOptions } from '@quantbot/infra/config';
import type { ExportState } from '../writer/exports/export-state.js';
import { defaultOptions } from '../writer/exports/golden-export.js';
import type { Cluster } from './cluster.js';

/** A golden export of a cluster. */
export interface ClusterExport {
  name: string;
  sql: string;
  untrusted: boolean;
  options: ExportFileOptions;
  definition: string;
  /** The last published job that may have changed it. */
  changedSeq: number;
  known: KnownExport | undefined;
}

/** The key of an export's object. */
export const exportKey = (name: string): string => `exports/${name}.parquet`;

/** The exports of the canonical tables, and those of the configuration. */
export async function clusterExports(
  { postgres, config }: { postgres: Cluster['postgres']; config: BusConfig },
  publishedSeq: number,
): Promise<ClusterExport[]> {
  const known = new Map((await knownExports(postgres)).map(entry => [entry.name, entry]));
  const named = new Set(config.export.jobs.map(({ name }) => name.toLowerCase()));
  const changed = await changedTables(postgres, publishedSeq);
  const ofTables = [...changed].flatMap(([name, changedSeq]) => {
    const settings = config.export.tables[name];
    if (named.has(name) || settings?.enabled === false) return [];
    return { name, sql: tableInOrder(name), untrusted: false, options: settings ?? defaultOptions, changedSeq };
  });
  const ofConfig = config.export.jobs.map(({ name, sql, options }) => ({
    name,
    sql,
    untrusted: true,
    options,
    changedSeq: publishedSeq,
  }));
  return [...ofTables, ...ofConfig].map(item => ({
    ...item,
    definition: hash('sha256', JSON.stringify([item.sql, item.options])),
    known: known.get(item.name),
  }));
}

/** Whether something was published since it was written, or its last attempt failed. */
export const isBehind = ({ known, changedSeq, definition }: ClusterExport): boolean =>
  known === undefined || known.seq < changedSeq || known.definition !== definition || known.error !== null;

/** Whether an operator asks for it. */
export const isAskedFor = ({ name }: ClusterExport, { names }: ExportRequest): boolean =>
  names.length === 0 || names.includes(name);

/** Whether a request that it be written again is still open. */
export const isForced = (item: ClusterExport, request: ExportRequest): boolean =>
  request.force && isAskedFor(item, request) && (item.known?.seq ?? 0) < request.seq;

/** How an export is, for those who look on. */
export function stateOf(item: ClusterExport, { objects }: Pick<Cluster, 'objects'>): ExportState {
  const { name, known } = item;
  const written = known !== undefined && known.definition !== '' ? known : undefined;
  return {
    name,
    path: objects.locationOf(exportKey(name)),
    ok: known === undefined ? null : known.error === null,
    upToDate: !isBehind(item),
    writtenAtMs: written && Date.parse(written.finishedAt),
    lastRunAtMs: known?.triedAt == null ? undefined : Date.parse(known.triedAt),
    durationMs: known?.durationMs ?? null,
    rows: written?.rows ?? null,
    bytes: written?.bytes ?? null,
    files: written === undefined ? null : 1,
    asOfSeq: written?.seq ?? null,
    error: known?.error ?? null,
  };
}
