import { appendFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { literal } from '@quantbot/bus-format';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { emptyRow, type JournalRow, sealFile, sealMetadata } from '@quantbot/bus-format/journal';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  archivedJournal,
  downloadJournal,
  JournalArchive,
  type MergeFiles,
  readJournalFile,
  writeAgain,
} from './archive.js';
import { compareArchive } from './care/compare-archive.js';
import { appendHistory, type HistoryRow, historyBetween, partsOf } from './history.js';
import { commitBatch } from './journal.js';
import { migrate } from './migrate.js';
import { Postgres } from './postgres/postgres.js';
import { noteSettled } from './settling.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

interface Bus {
  postgres: Postgres;
  objects: Objects;
  folder: string;
}

async function newBus(): Promise<Bus> {
  const postgres = new Postgres(await server.newDatabase());
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  const folder = temporaryFolder();
  return { postgres, objects: await openObjects(pathToFileURL(folder).href), folder };
}

/** Commits a job: two artifacts of a canonical table, or a rejection that a later job may retry. */
const commit = ({ postgres }: Bus, jobId: string, { isRejected = false, retryOf = 0 } = {}) =>
  commitBatch(
    postgres,
    {
      jobs: [{ claim: `${jobId}-${retryOf}`, jobId, manifestSha256: `sha-${jobId}`, retryOf }],
      keys: [],
      objects: [],
      schemasAfter: 0,
    },
    async ({ lastSeq }) => {
      const base: JournalRow = {
        ...emptyRow,
        seq: lastSeq + 1,
        ordinal: 0,
        claim: `${jobId}-${retryOf}`,
        committed_at: 1_700_000_000_001 + lastSeq,
        status: 'rejected',
        job_id: jobId,
        manifest_sha256: `sha-${jobId}`,
        reject_error: 'ünï "quotes"\n',
      };
      if (isRejected) return { rows: [base], tables: [] };
      const artifact = (ordinal: number): JournalRow => ({
        ...base,
        ordinal,
        status: 'ingested',
        artifact_key: `${jobId}/${ordinal}`,
        schema_hint: 'canon.ticks',
        schema_json: `[{"name":"x${lastSeq % 2}","type":"BIGINT"}]`,
        rows: 10,
        bytes: 2 ** 40,
        created_at_utc: 1_700_000_000_123,
      });
      return { rows: [artifact(0), artifact(1)], tables: ['ticks'] };
    },
  );

/** Writes files together, as the daemon's worker does. */
const merge: MergeFiles = async (sql, _, { path: target, place }) => {
  const { connection, close } = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  const metadata = Object.entries(sealMetadata).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
  await connection.run(`COPY (${sql}) TO ${literal(target)} (FORMAT parquet, KV_METADATA {${metadata.join(', ')}})`);
  close();
  await sealFile(target, place);
};

/** All rows of the objects, as a rebuild reads them. */
async function rowsIn({ objects, folder }: Bus): Promise<HistoryRow[]> {
  const { live } = await archivedJournal(objects);
  const found: HistoryRow[] = [];
  const into = mkdtempSync(join(folder, 'read-'));
  for (const path of await downloadJournal(objects, live, into))
    for await (const rows of readJournalFile(path, found.at(-1)?.seq ?? 0)) found.push(...rows);
  return found;
}

/** Archives each job alone, as a bus does that has little to do. */
async function archiveEach(bus: Bus, jobs: number): Promise<JournalArchive> {
  const archive = await JournalArchive.open(bus.postgres, bus.objects);
  for (let i = 1; i <= jobs; i++) {
    await commit(bus, `job-${i}`);
    await archive.advance(i);
  }
  return archive;
}

sampled('the objects give back every row, the jobs and the schemas, also when they are folded', async () => {
  const bus = await newBus();
  await commit(bus, 'bad', { isRejected: true });
  await commit(bus, 'bad', { retryOf: 1 });
  const archive = await JournalArchive.open(bus.postgres, bus.objects);
  await archive.advance(2);
  for (let i = 3; i <= 40; i++) {
    await commit(bus, `job-${i}`);
    await archive.advance(i);
  }
  const before = await rowsIn(bus);
  expect(before).toEqual(await historyBetween(bus.postgres, 1, 40));
  expect(await archive.fold(merge, mkdtempSync(join(bus.folder, 'fold-')))).toBe(true);
  const { live, garbage } = await archivedJournal(bus.objects);
  expect({ objects: live.length < 5, garbage }).toEqual({ objects: true, garbage: [] });
  expect(await rowsIn(bus)).toEqual(before);
  expect(await compareArchive(bus.postgres, bus.objects)).toEqual([]);

  const other = await newBus();
  await appendHistory(other.postgres, before.slice(0, 3));
  await appendHistory(other.postgres, before.slice(3));
  const content = async ({ postgres }: Bus) => ({
    rows: await historyBetween(postgres, 1, 99),
    jobs: await postgres.query('SELECT seq, job_id, manifest_sha256, claim, retry_of FROM bus.jobs ORDER BY seq'),
    schemas: await postgres.query('SELECT * FROM bus.schemas ORDER BY seq, ordinal'),
    head: await postgres.query('SELECT seq FROM bus.head'),
  });
  expect(await content(other)).toEqual(await content(bus));
  await expect(appendHistory(other.postgres, before.slice(3))).rejects.toMatchObject({
    code: 'JOURNAL_BUSY',
  });
});

test('two publishers that meet lose and double no row', async () => {
  const bus = await newBus();
  const frozen = await JournalArchive.open(bus.postgres, bus.objects);
  for (let i = 1; i <= 4; i++) await commit(bus, `job-${i}`);
  const next = await JournalArchive.open(bus.postgres, bus.objects);
  await next.advance(2);
  await frozen.advance(3);
  await next.advance(4);
  expect((await archivedJournal(bus.objects)).live).toMatchObject([
    { first: 1, last: 3 },
    { first: 3, last: 4 },
  ]);
  expect(await rowsIn(bus)).toEqual(await historyBetween(bus.postgres, 1, 4));
});

test('damaged and missing objects are written again', async () => {
  const bus = await newBus();
  await archiveEach(bus, 4);
  await noteSettled(bus.postgres, [4]);
  const names = (await archivedJournal(bus.objects)).live.map(({ name }) => name);
  await bus.objects.replace(names[1] as string, Buffer.from('rotten'));
  await bus.objects.remove([names[0] as string, names[3] as string]);
  const hurt = await compareArchive(bus.postgres, bus.objects);
  expect(hurt.map(({ what, lost }) => [what, lost?.first, lost?.last])).toEqual([
    ['journal/', 1, 1],
    [names[1], 2, 2],
    ['journal/', 4, 4],
  ]);
  for (const { lost } of hurt) await writeAgain(bus.postgres, bus.objects, lost as { first: number; last: number });
  expect(await compareArchive(bus.postgres, bus.objects)).toEqual([]);
  await bus.objects.replace('journal/000000000001-000000000004.parquet', Buffer.from('rotten'));
  const [wide] = await compareArchive(bus.postgres, bus.objects);
  await writeAgain(bus.postgres, bus.objects, wide?.lost as { first: number; last: number });
  expect(await compareArchive(bus.postgres, bus.objects)).toEqual([]);
});

test('the publisher writes again what is missing', async () => {
  const bus = await newBus();
  await archiveEach(bus, 3);
  await bus.objects.remove([(await archivedJournal(bus.objects)).live[1]?.name ?? '']);
  expect(await archivedJournal(bus.objects)).toMatchObject({ seq: 1, lastSeq: 3 });
  expect(await compareArchive(bus.postgres, bus.objects)).toMatchObject([{ what: 'journal/' }]);
  await (await JournalArchive.open(bus.postgres, bus.objects)).advance(3);
  expect(await archivedJournal(bus.objects)).toMatchObject({ seq: 3, lastSeq: 3 });
  expect(await rowsIn(bus)).toEqual(await historyBetween(bus.postgres, 1, 3));
});

test('a comparison finds objects that are damaged, or say something else', async () => {
  const bus = await newBus();
  await archiveEach(bus, 3);
  const [first, second] = (await archivedJournal(bus.objects)).live.map(({ name }) => name);
  mkdirSync(bus.folder, { recursive: true });
  appendFileSync(join(bus.folder, first as string), 'x');
  await bus.postgres.query('UPDATE bus.journal SET rows = 11 WHERE seq = 2 AND ordinal = 1');
  expect(await compareArchive(bus.postgres, bus.objects)).toEqual([
    { what: first, detail: expect.stringContaining('its checksum does not match') },
    { what: second, detail: expect.stringContaining('other rows') },
  ]);
  await expect(rowsIn(bus)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
});

test('a database that was set back is refused', async () => {
  const bus = await newBus();
  await archiveEach(bus, 3);
  await bus.postgres.query('UPDATE bus.head SET seq = 2');
  await expect(JournalArchive.open(bus.postgres, bus.objects)).rejects.toMatchObject({ code: 'CLUSTER_BEHIND' });
});

test('the past is split into fragments of a bounded size, and never within a job', () => {
  const row = (seq: number, ordinal: number, bytes: number) => ({ seq, ordinal, bytes }) as HistoryRow;
  const mb = 1024 * 1024;
  const parts = partsOf([row(1, 0, 300 * mb), row(1, 1, mb), row(2, 0, mb), row(3, 0, 256 * mb), row(4, 0, 1)]);
  expect(parts.map(part => part.map(({ seq }) => seq))).toEqual([[1, 1], [2, 3], [4]]);
  const small = Array.from({ length: 600 }, (_, i) => row(i + 1, 0, 1));
  expect(partsOf(small).map(part => part.length)).toEqual([256, 256, 88]);
});
