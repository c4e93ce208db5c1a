import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonError } from '@quantbot/bus-format';
import { adoptProducer } from '@quantbot/bus-format/canon';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { Journal } from '@quantbot/bus-format/journal';
import {
  type AdoptedTable,
  type AdoptionRecord,
  claimedNames,
  listRejected,
  workFolderOf,
} from '@quantbot/bus-format/state';
import { hashOfRows } from '@quantbot/duckdb-process';
import { artifactKey, type Submission, submitArtifacts } from '@quantbot/infra';
import { busLayout, storeRelPath } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, faultPoint } from '@quantbot/infra/files';
import { fileOf, mismatch, parquet } from './copy-table.js';
import { keptTexts } from './old-table.js';
import type { AdoptParts } from './parts.js';

const producer = adoptProducer;
const pollMs = 200;

/** Returns the job id of an adoption. It is also its run id. */
export const jobIdOf = ({ id }: Pick<AdoptionRecord, 'id'>): string => `adopt-${id}`;

const partsOf = (record: AdoptionRecord, { kind }: AdoptedTable) => ({
  runId: jobIdOf(record),
  producer,
  kind,
  artifactId: kind,
});

/** Returns the key of a table's artifact. */
export const keyOf = (record: AdoptionRecord, table: AdoptedTable): string => artifactKey(partsOf(record, table));

/** Returns where an adoption's job is; `none` if it has to be submitted. */
export async function whereIs(config: BusConfig, record: AdoptionRecord): Promise<'ingested' | 'waiting' | 'none'> {
  const layout = busLayout(config.busRoot);
  // Look in this order, so that a job that moves meanwhile is found in its next place.
  const waits = async () =>
    (await exists(join(layout.inbox, jobIdOf(record)))) ||
    claimedNames(await readdir(layout.claimed)).some(name => name.endsWith(`~${jobIdOf(record)}`));
  const waiting = (await exists(layout.claimed)) && (await waits());
  return (await isInJournal(config, record)) ? 'ingested' : waiting ? 'waiting' : 'none';
}

async function isInJournal(config: BusConfig, record: AdoptionRecord): Promise<boolean> {
  const layout = busLayout(config.busRoot);
  if (!(await exists(join(layout.hot, '000000000000')))) return false;
  const journal = await Journal.read(layout);
  try {
    const [first] = record.tables; // all tables come in one job
    return first !== undefined && (await journal.findKeys([keyOf(record, first)])).size > 0;
  } finally {
    journal.close();
  }
}

/**
 * Submits the files of all tables as one job and has it ingested, by the running daemon or by a
 * temporary one.
 *
 * @throws JobRejectedError; BusError `SETTLE_TIMEOUT`.
 */
export async function submitTables(
  config: BusConfig,
  record: AdoptionRecord,
  { settleWaiting, timeoutMs }: AdoptParts & { timeoutMs: number },
): Promise<void> {
  let submission: Submission | undefined;
  const where = await whereIs(config, record);
  if (where === 'ingested') return;
  if (where === 'none') submission = await submit(config, record);
  faultPoint('adopt:submitted');
  // Its warning that the old database cannot be replaced is expected here.
  await settleWaiting(config, 'silent');
  if (submission !== undefined) await submission.settled({ timeoutMs });
  else await waitUntilIngested(config, record, timeoutMs);
  faultPoint('adopt:ingested');
}

function submit(config: BusConfig, record: AdoptionRecord): Promise<Submission> {
  const folder = workFolderOf(busLayout(config.busRoot), record.id);
  return submitArtifacts({
    busRoot: config.busRoot,
    jobId: jobIdOf(record),
    runId: jobIdOf(record),
    producer,
    kind: 'database',
    transfer: 'move',
    meta: { database: record.source },
    artifacts: record.tables.map(table => ({
      artifactId: table.kind,
      kind: table.kind,
      parquetPath: fileOf(folder, table.canon),
      schemaHint: `canon.${table.canon}`,
      rows: table.rows,
      meta: { database: record.source, schema: table.schema, table: table.table, content_hash: table.hash },
    })),
  });
}

async function waitUntilIngested(config: BusConfig, record: AdoptionRecord, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let where = await whereIs(config, record); where !== 'ingested'; where = await whereIs(config, record)) {
    const rejected = (await listRejected(config)).find(entry => entry.jobId === jobIdOf(record));
    if (where === 'none' || performance.now() > deadline)
      throw daemonError('ADOPTION_UNPUBLISHED', `The job ${jobIdOf(record)} was not ingested.`, {
        details: rejected?.reason === undefined ? [] : [`${rejected.reason.code}: ${rejected.reason.error}`],
      });
    await sleep(pollMs);
  }
}

/**
 * Compares the stored rows with the old tables.
 *
 * @throws DaemonError `ADOPTION_MISMATCH`.
 */
export async function verifyStored(config: BusConfig, record: AdoptionRecord): Promise<void> {
  const database = await openMemoryDatabase({ memoryMb: config.export.memoryLimitMb, threads: 2 });
  try {
    for (const table of record.tables) {
      const path = join(config.busRoot, storeRelPath(partsOf(record, table)));
      const found = await hashOfRows(database.connection, keptTexts(table.columns, parquet(path)));
      if (found.hash !== table.hash || found.rows !== table.rows) throw mismatch(path, table, found);
    }
  } finally {
    database.close();
  }
}
