import { join } from 'node:path';
import { DuckDBInstance, type DuckDBType } from '@duckdb/node-api';
import { CampaignBus } from './bus.js';
import { describedColumns, type Subject } from './corpus.js';
import { compareFile } from './readers/files.js';
import { comparePreviews } from './readers/preview.js';
import { compareQueries, questionsOver } from './readers/query.js';
import { compareColumns, compareTables, failed } from './readers/tables.js';
import type { Report } from './report.js';
import { submitAgain, submitAll } from './submit.js';

/** The environment of a campaign. */
export interface Surroundings {
  folder: string;
  /** Lets another reader write the values of files beside them; absent without such a reader. */
  describe?: (paths: readonly string[]) => Promise<void>;
  /** Called with each step. */
  step: (what: string) => void;
}

/** Submits the files to a new bus, and compares the values that every reader returns. */
export async function runCampaign(
  subjects: readonly Subject[],
  { folder, describe, step }: Surroundings,
  report: Report,
): Promise<void> {
  const bus = new CampaignBus(folder);
  await bus.drain();
  step(`submit ${subjects.length} files`);
  const ingested = await submitAll(bus, subjects, report);
  const types = await storedTypes(bus, ingested);
  const typesOf = (subject: Subject) => types.get(subject) ?? [];
  step(`${ingested.length} ingested; read the tables while hot`);
  await compareTables(bus, ingested, 'canon, hot', report);
  step('read the golden exports');
  if (describe !== undefined) await compareExports(bus, ingested, describe, report);
  step('read the stored files with every option');
  for (const subject of ingested) await compareFile(subject, subject.stored!, typesOf(subject), report);
  step('compact, and read the previews meanwhile');
  const last = bus.lastCommit();
  bus.configure({ hot_commits: 2, idle_s: 0.5 });
  await bus.whileServed(async url => {
    if (ingested[0] !== undefined) await submitAgain(bus, ingested[0]);
    await comparePreviews(url, ingested, typesOf, report);
    await bus.compacted(last);
  });
  step('read the compacted tables');
  await compareTables(bus, ingested, 'canon, compacted', report);
  step('query in every format');
  await compareQueries(bus, await questionsOver(bus, ingested), describe, report);
  step('rebuild');
  await bus.rebuild();
  await compareTables(bus, ingested, 'canon, rebuilt', report);
}

/** Finds where each file is stored, and the types that DuckDB reads in it. */
async function storedTypes(
  bus: CampaignBus,
  subjects: readonly Subject[],
): Promise<Map<Subject, readonly DuckDBType[]>> {
  const instance = await DuckDBInstance.create(bus.duckdbPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const types = new Map<Subject, readonly DuckDBType[]>();
  try {
    const sql = 'SELECT artifact_id, canonical_path FROM catalog.latest_artifacts_v';
    const paths = new Map((await connection.runAndReadAll(sql)).getRows() as [string, string][]);
    for (const subject of subjects) {
      subject.stored = paths.get(subject.table) as string;
      const read = `FROM read_parquet('${subject.stored.replaceAll("'", "''")}') LIMIT 0`;
      types.set(subject, (await connection.runAndReadAll(read)).columnTypes());
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return types;
}

/** The columns of an export that name the origin of each row. */
const originColumns = ['_seq', '_artifact_key'];

async function compareExports(
  bus: CampaignBus,
  subjects: readonly Subject[],
  describe: NonNullable<Surroundings['describe']>,
  report: Report,
): Promise<void> {
  const pathOf = ({ table }: Subject) => join(bus.exports, `${table}.parquet`);
  await describe(subjects.map(pathOf));
  for (const subject of subjects) {
    try {
      const columns = describedColumns(pathOf(subject)).filter(({ name }) => !originColumns.includes(name));
      compareColumns(subject, columns, 'golden export', report, { throughBinding: false });
    } catch (error) {
      failed(subject, 'golden export', error, report);
    }
  }
}
