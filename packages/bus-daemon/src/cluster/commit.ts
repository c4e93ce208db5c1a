import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Commit,
  CommitUnknown,
  commitBatch,
  type Head,
  rejectedAmong,
  resolveCommit,
  rowsBetween,
  rowsOf,
} from '@quantbot/bus-cluster';
import { daemonError } from '@quantbot/bus-format';
import { groupByClaim, type JournalRow } from '@quantbot/bus-format/journal';
import { waitAfter } from '@quantbot/infra/bus';
import { faultPoint } from '@quantbot/infra/files';
import { type CheckedJob, isRejected } from '../writer/job.js';
import { SeenKeys } from '../writer/seen-keys.js';
import { decide, keysOfOperation, maxRounds } from '../writer/stages/decide.js';
import { judgeAgain, type UnjudgedFile } from '../writer/stages/decodable.js';
import { rowsOfJob } from '../writer/stages/job-rows.js';
import { releasable } from '../writer/stages/quality.js';
import { verifyNewKeys } from '../writer/stages/verify.js';
import { asFetched, type CheckedFetch } from './check.js';
import type { Cluster } from './cluster.js';
import { NewPlaces, ObjectsCondemned, putBack } from './restoring.js';
import { readTables, tableFactsAt } from './tables.js';
import { ArtifactsUnread } from './unread.js';

/** A job in the journal, committed by this daemon or by another one. */
export interface Committed {
  job: CheckedFetch;
  rows: readonly JournalRow[];
}

/** A batch in the journal. */
export interface CommittedBatch {
  jobs: readonly Committed[];
  /** The new seqs; none if another daemon has committed the whole batch. */
  firstSeq: number;
  lastSeq: number;
}

/** Files have to be compared with types that other jobs have brought, before they are decided. */
class ValuesUnjudged extends Error {
  readonly files: readonly UnjudgedFile[];

  constructor(files: readonly UnjudgedFile[]) {
    super('Values have not been compared with the types of their tables.');
    this.files = files;
  }
}

/** Operations have changed canonical tables, so the daemon has to read them anew. */
class TablesChanged extends Error {}

const backoff = { firstMs: 100, maxMs: 5000 };

/**
 * In: verified jobs. Out: the same jobs, committed. Durable effect: one transaction. If the answer
 * to COMMIT is lost, the daemon waits until PostgreSQL has told the outcome.
 */
export async function commit(cluster: Cluster, verified: readonly CheckedFetch[]): Promise<CommittedBatch> {
  let jobs = await withNewKeys(cluster, verified);
  const submissions = jobs.map(({ claim, jobId, manifestSha256, retryOf }) => ({
    claim,
    jobId,
    manifestSha256: manifestSha256 ?? '',
    retryOf,
  }));
  const keys = jobs.flatMap(job =>
    isRejected(job)
      ? []
      : [...job.artifacts.map(({ key }) => key), ...keysOfOperation(job), ...releasable(cluster, job)],
  );
  const places = new NewPlaces(cluster, jobs);
  const batch = () => ({ jobs: submissions, keys, objects: places.objects(), schemasAfter: cluster.tablesSeq });
  const seen = new SeenKeys();
  let round = 0;
  const attempt = (): Promise<Commit> =>
    commitBatch(cluster.postgres, batch(), head =>
      decideOn(cluster, jobs, { head, places, seen, isLast: ++round >= maxRounds }),
    ).catch(async error => {
      if (error instanceof ObjectsCondemned) await places.upload(error.artifacts);
      else if (error instanceof ValuesUnjudged) await judgeAgain(cluster, error.files);
      else if (error instanceof ArtifactsUnread) await error.read(cluster);
      else if (error instanceof TablesChanged) {
        await readTables(cluster);
        jobs = await withNewKeys(cluster, jobs);
      } else throw error;
      return attempt();
    });
  const { firstSeq, lastSeq, earlier } = await attempt().catch(error => {
    if (!(error instanceof CommitUnknown)) throw error;
    return lookFor(cluster, jobs);
  });
  faultPoint('commit:committed');
  const rows = [
    ...(firstSeq <= lastSeq ? await rowsBetween(cluster.postgres, firstSeq, lastSeq) : []),
    ...(earlier.size > 0 ? await rowsOf(cluster.postgres, [...earlier.values()]) : []),
  ];
  const byClaim = groupByClaim(rows);
  const bySeq = new Map([...byClaim.values()].map(group => [group[0]?.seq, group]));
  const committed = jobs.flatMap(job => {
    const group = byClaim.get(job.claim) ?? bySeq.get(earlier.get(job.claim));
    return group === undefined ? [] : [{ job, rows: group }];
  });
  for (const each of committed) await putBack(cluster, each);
  return { firstSeq, lastSeq, jobs: committed };
}

/** Verifies jobs again whose tables have got a key since. */
async function withNewKeys(cluster: Cluster, jobs: readonly CheckedFetch[]): Promise<readonly CheckedFetch[]> {
  const verified = await verifyNewKeys(cluster, jobs);
  if (verified === jobs) return jobs;
  return jobs.map((job, index) => (verified[index] === job ? job : asFetched(verified[index] as CheckedJob, job)));
}

/** Decides under the lock: the journal cannot change before the rows are written. */
async function decideOn(
  cluster: Cluster,
  jobs: readonly CheckedFetch[],
  { head, places, seen, isLast }: { head: Head; places: NewPlaces; seen: SeenKeys; isLast: boolean },
) {
  if (head.lastSeq < cluster.tablesSeq)
    throw daemonError(
      'CLUSTER_BEHIND',
      `The database has jobs up to seq ${head.lastSeq}, and this daemon has seen seq ${cluster.tablesSeq}.`,
    );
  if (head.hasTableOperations) throw new TablesChanged();
  for (const schema of head.schemas) cluster.tables.apply(schema);
  cluster.tablesSeq = head.lastSeq;
  const { known, jobs: fresh } = places.apply(
    head,
    jobs.filter(({ claim }) => !head.earlier.has(claim)),
  );
  const journal = {
    lastSeq: head.lastSeq,
    mayHave: () => true,
    findKeys: async () => new Map(known),
    findRejected: (jobIds: readonly string[]) => rejectedAmong(head.queries, jobIds),
  };
  // A table may get files faster than they are read. The last attempt reads them under the lock.
  const tableFacts = tableFactsAt(cluster, head, { seen, ...(isLast && { readBy: cluster }) });
  const decided = await decide({ ...cluster, journal, judge: head.judge, tableFacts, isStored: () => true }, fresh);
  if (decided.unjudged.length > 0 && !isLast) throw new ValuesUnjudged(decided.unjudged);
  const rows = decided.jobs.flatMap((job, index) => rowsOfJob(job, head.lastSeq + 1 + index, head.nowMs));
  const tables = rows
    .filter(({ status }) => status === 'ingested')
    .flatMap(({ schema_hint }) => cluster.tables.tableOf(schema_hint) ?? []);
  return { rows, tables: [...new Set(tables)] };
}

async function lookFor(cluster: Cluster, jobs: readonly CheckedFetch[]): Promise<Commit> {
  for (let failures = 1; ; failures++) {
    try {
      const found = await resolveCommit(
        cluster.postgres,
        jobs.map(({ claim }) => claim),
      );
      if (found !== undefined) return { ...found, earlier: new Map() };
      throw new Error('The commit whose answer was lost did not happen.');
    } catch (error) {
      if ((error as Error).message.startsWith('The commit whose')) throw error;
      cluster.logger.warn({ err: error }, 'the answer to a commit was lost; PostgreSQL is asked what became of it');
      await sleep(waitAfter(backoff, failures));
    }
  }
}
