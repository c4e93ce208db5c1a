import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { daemonError, type OnProgress } from '@quantbot/bus-format';
import {
  type AdoptedTable,
  type AdoptionRecord,
  type FileIdentity,
  forgetRecord,
  listRecords,
  workFolderOf,
  writeAdoptionRecord,
} from '@quantbot/bus-format/state';
import { initBusRoot } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { copyTable } from './copy-table.js';
import { recordsOf } from './earlier-runs.js';
import { type NameChoices, nameOf } from './names.js';
import { identityOf, limitsOf, type OldDatabase, openOldDatabase, type ReaderLimits } from './old-database.js';
import type { AdoptParts } from './parts.js';
import { type AdoptionPlan, planAdoption } from './plan.js';
import { jobIdOf, submitTables, verifyStored } from './submit-tables.js';
import { isPublished, switchDatabase, verifyPublished } from './switch-database.js';
import { writeViews } from './write-views.js';

/** How to adopt a database. */
export interface AdoptOptions extends NameChoices {
  /** If false, only plan: nothing is written anywhere. */
  apply: boolean;
  /** The bus_config.json that gets the views for old names. Without it, no views are written. */
  writeViews?: string;
  /** How long the daemon may take for the job. */
  timeoutMs: number;
  /** Called with a line for people at each step except copying. */
  onStep?: (step: string) => void;
  /** Called with the progress of copying. */
  onProgress?: OnProgress;
}

/** The effect of an adoption, real or planned. */
export interface AdoptionReport extends Omit<AdoptionPlan, 'tables'> {
  applied: boolean;
  tables: AdoptionPlan['tables'];
  /** The ids of the jobs that brought the tables: one per run that had tables. */
  jobs: string[];
  /** Where the old database is now, if it was replaced. */
  backup: string | null;
  /** The bus_config.json with the new views. */
  viewsIn: string | null;
}

/**
 * Turns the tables of an existing database into artifacts and canonical tables. It can be
 * interrupted at any moment and run again: it continues where it stopped. All tables come in one
 * job, so the bus has either all of them or none.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE`, `OLD_DATABASE_UNMERGED`, `OLD_DATABASE_LOCKED`,
 * `TABLE_NOT_FOUND`, `ADOPTION_BLOCKED`, `ADOPTION_CHANGED`, `ADOPTION_MISMATCH`,
 * `ADOPTION_UNPUBLISHED`; JobRejectedError.
 */
export async function adopt(
  config: BusConfig,
  database: string,
  options: AdoptOptions & AdoptParts,
): Promise<AdoptionReport> {
  const path = resolve(database);
  const limits = limitsOf(config);
  if (path === config.duckdbPath && (await isPublished(config))) return finishAdopted(config, path, options, limits);
  const identity = await identityOf(path);
  const { known, stale, earlier } = await recordsOf(config, path, identity);
  const old = await openOldDatabase(path, limits);
  try {
    const begun = known.filter(record => record.phase !== 'copying');
    const taken = begun.flatMap(record => record.tables);
    const before = earlier.flatMap(record => record.tables);
    const plan = await planAdoption(config, old, { path, bytes: identity.size, taken, before }, options);
    if (!options.apply) return { ...plan, applied: false, jobs: known.map(jobIdOf), backup: null, viewsIn: null };
    if (plan.conflicts.length > 0)
      throw daemonError('ADOPTION_BLOCKED', `${path} cannot be adopted as it is.`, { details: plan.conflicts });
    await initBusRoot(config.busRoot);
    for (const record of stale) await forgetRecord(busLayout(config.busRoot), record);
    // Also replace a database without tables.
    const copied =
      plan.tables.length > 0 || begun.length === 0 ? [await copyTables(config, old, identity, plan, options)] : [];
    for (const record of known)
      if (record.phase === 'copying' && record.id !== copied[0]?.id)
        await forgetRecord(busLayout(config.busRoot), record);
    old.close();
    const records = [...begun, ...copied];
    for (const record of records) await bringIn(config, record, options);
    const views = plan.views.filter(view => view.problem === null).map(({ name, sql }) => ({ name, sql }));
    const configured = options.writeViews === undefined ? config : await writeViews(config, options.writeViews, views);
    const backup = plan.replaces ? await replace(configured, records, limits, options) : null;
    if (!plan.replaces) {
      if (configured !== config) await options.settleWaiting(configured); // publishes the views now
      await settle(configured, records, limits);
    }
    const viewsIn = views.length > 0 ? (options.writeViews ?? null) : null;
    return { ...plan, applied: true, jobs: records.map(jobIdOf), backup, viewsIn };
  } finally {
    old.close();
  }
}

async function copyTables(
  config: BusConfig,
  old: OldDatabase,
  identity: FileIdentity,
  { database, tables }: AdoptionPlan,
  { onProgress }: AdoptOptions,
): Promise<AdoptionRecord> {
  const layout = busLayout(config.busRoot);
  const id = idOf(identity, tables);
  const record: AdoptionRecord = {
    id,
    source: database,
    ...identity,
    phase: 'copying',
    tables: [],
    backup: null,
    startedAt: new Date().toISOString(),
  };
  await writeAdoptionRecord(layout, record);
  const copied: AdoptedTable[] = [];
  const total = tables.reduce((sum, table) => sum + table.rows, 0);
  let done = 0;
  for (const table of tables) {
    onProgress?.({ done, total, unit: 'rows', what: nameOf(table) });
    const metadata = { 'quantbot.adopted_from': database, 'quantbot.table': nameOf(table) };
    copied.push(await copyTable(old, workFolderOf(layout, id), table, metadata));
    done += table.rows;
  }
  const ready: AdoptionRecord = { ...record, phase: copied.length > 0 ? 'submitting' : 'ingested', tables: copied };
  await writeAdoptionRecord(layout, ready);
  return ready;
}

const idOf = (identity: FileIdentity, tables: AdoptionPlan['tables']): string =>
  createHash('sha256')
    .update(JSON.stringify([identity, tables.map(({ schema, table, canon }) => [schema, table, canon])]))
    .digest('hex')
    .slice(0, 16);

/** Ingests the rows of a record and verifies them. */
async function bringIn(config: BusConfig, record: AdoptionRecord, options: AdoptOptions & AdoptParts): Promise<void> {
  if (record.phase !== 'submitting') return;
  options.onStep?.(`the bus takes ${record.tables.length} tables (${jobIdOf(record)})`);
  await submitTables(config, record, options);
  await verifyStored(config, record);
  await writeAdoptionRecord(busLayout(config.busRoot), { ...record, phase: 'ingested' });
}

/** Replaces the old database. The last record leads; the others describe the same file. */
async function replace(
  config: BusConfig,
  records: readonly AdoptionRecord[],
  limits: ReaderLimits,
  { onStep, settleWaiting }: AdoptOptions & AdoptParts,
): Promise<string | null> {
  const last = records.find(record => record.phase === 'switching') ?? records.at(-1);
  if (last === undefined) return null;
  onStep?.(`${config.duckdbPath} is replaced by the one that the bus publishes`);
  const { backup } = await switchDatabase(config, last, limits, settleWaiting);
  for (const record of records) {
    await verifyPublished(config, record, limits);
    await finish(config, { ...record, phase: 'done', backup });
  }
  return backup;
}

/** Ends an adoption. A database outside the bus stays as it is. */
async function settle(config: BusConfig, records: readonly AdoptionRecord[], limits: ReaderLimits): Promise<void> {
  for (const record of records) {
    if (await isPublished(config)) await verifyPublished(config, record, limits);
    await finish(config, { ...record, phase: 'done' });
  }
}

async function finish(config: BusConfig, record: AdoptionRecord): Promise<void> {
  const layout = busLayout(config.busRoot);
  await writeAdoptionRecord(layout, record);
  await rm(workFolderOf(layout, record.id), { recursive: true, force: true });
}

/**
 * Finishes a run that was interrupted after the switch, when the database is already the bus's own.
 */
async function finishAdopted(
  config: BusConfig,
  path: string,
  options: AdoptOptions & AdoptParts,
  limits: ReaderLimits,
): Promise<AdoptionReport> {
  const records = (await listRecords(busLayout(config.busRoot))).filter(
    record => record.source === path && ['switching', 'done', 'ingested'].includes(record.phase),
  );
  const open = records.filter(record => record.phase !== 'done');
  const backup = records.findLast(record => record.backup !== null)?.backup ?? null;
  if (options.apply && open.length > 0) await replace(config, open, limits, options);
  return {
    database: path,
    bytes: 0,
    replaces: true,
    tables: [],
    taken: records.flatMap(record => record.tables.map(nameOf)),
    views: [],
    lost: [],
    conflicts: [],
    applied: options.apply,
    jobs: records.map(jobIdOf),
    backup,
    viewsIn: null,
  };
}
