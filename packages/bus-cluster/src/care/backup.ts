import type { JournalRow } from '@quantbot/bus-format/journal';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { archivedJournal } from '../archive.js';
import { pagesOf } from '../pages.js';
import { atTheirPlaces } from '../places.js';
import { Postgres, type Queries } from '../postgres/postgres.js';

/** The differences between the database and the bucket of a cluster, for their backups. */
export interface BackupAdvice {
  objects: string;
  /** The end of the journal; null if it is empty. */
  last: { seq: number; committedAt: string } | null;
  /** Jobs that only the journal in the bucket has: the database is older than the bucket. */
  lostJobs: number;
  /** Artifacts that the journal names. */
  artifacts: number;
  /** Artifacts whose object is missing or has another size: the bucket is older. */
  missing: string[];
  /** Objects that the journal does not name, and the time of the newest one. */
  ahead: { objects: number; newestAt: string | null };
  postgres: {
    /** Whether it archives its log. Point-in-time recovery needs that. */
    archives: boolean;
    lastArchivedAt: string | null;
    /** Connected replicas. */
    replicas: number;
  };
}

const stepRows = 10_000;

/**
 * Compares the names and sizes of all stored objects with the journal, and reads PostgreSQL's
 * settings. It reads no object, and changes nothing.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`; BusError of the object store.
 */
export async function adviseBackup(cluster: ClusterConfig): Promise<BackupAdvice> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(withVariables(cluster.postgres), { connections: 2 });
  try {
    // Read the journal first: the bucket must have everything that it names.
    const [last] = await postgres.query<{ seq: number; at: string }>(
      `SELECT head.seq, to_char(committed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
       FROM bus.head JOIN bus.journal ON journal.seq = head.seq AND ordinal = 0`,
    );
    const { lastSeq } = await archivedJournal(objects);
    const waiting = await journalled(postgres, last?.seq ?? 0);
    const artifacts = waiting.size;
    const ahead = { objects: 0, newestAtMs: 0 };
    for await (const page of pagesOf(objects, 'store/'))
      for (const { key, bytes, modifiedAtMs } of page)
        if (waiting.get(key) === bytes) waiting.delete(key);
        else if (!waiting.has(key)) {
          ahead.objects++;
          ahead.newestAtMs = Math.max(ahead.newestAtMs, modifiedAtMs);
        }
    return {
      objects: objects.url,
      last: last === undefined ? null : { seq: last.seq, committedAt: last.at },
      lostJobs: Math.max(0, lastSeq - (last?.seq ?? 0)),
      artifacts,
      missing: [...waiting.keys()].sort(),
      ahead: {
        objects: ahead.objects,
        newestAt: ahead.objects === 0 ? null : new Date(ahead.newestAtMs).toISOString(),
      },
      postgres: await setUpOf(postgres),
    };
  } finally {
    await postgres.close();
  }
}

type Stored = Pick<JournalRow, 'artifact_key' | 'bytes' | 'ordinal' | 'rel_path' | 'seq' | 'status'>;

/** The objects of the artifacts up to a job that are not forgotten, with their sizes. */
async function journalled(queries: Queries, upTo: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let after: [seq: number, ordinal: number] = [0, -1]; ; ) {
    const rows = await queries.query<Stored & Record<string, unknown>>(
      `SELECT seq, ordinal, status, artifact_key, rel_path, bytes FROM bus.journal
       WHERE (seq, ordinal) > ($1, $2) AND seq <= $3 AND status = 'ingested' ORDER BY seq, ordinal LIMIT ${stepRows}`,
      [...after, upTo],
    );
    for (const { rel_path, bytes } of await atTheirPlaces(queries, rows)) found.set(rel_path ?? '', bytes ?? 0);
    const last = rows.at(-1);
    if (last === undefined || rows.length < stepRows) break;
    after = [last.seq, last.ordinal];
  }
  const gone = await queries.query<{ path: string }>('SELECT rel_path AS path FROM bus.forgotten WHERE seq <= $1', [
    upTo,
  ]);
  for (const { path } of gone) found.delete(path);
  return found;
}

async function setUpOf(queries: Queries): Promise<BackupAdvice['postgres']> {
  const [row] = await queries.query<{ mode: string; archived: string | null; replicas: number }>(
    `SELECT current_setting('archive_mode') AS mode,
       (SELECT to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM pg_stat_archiver) AS archived,
       (SELECT count(*) FROM pg_stat_replication) AS replicas`,
  );
  const { mode = 'off', archived = null, replicas = 0 } = row ?? {};
  return { archives: mode !== 'off', lastArchivedAt: archived, replicas };
}

const maxShown = 20;

/** The advice as text for people. */
export function describeBackupAdvice(advice: BackupAdvice): string {
  const { objects, last, lostJobs, artifacts, missing, ahead, postgres } = advice;
  const { archives, lastArchivedAt, replicas } = postgres;
  return [
    ...missing.slice(0, maxShown).map(key => `MISSING   ${key}`),
    ...(missing.length > maxShown ? [`and ${missing.length - maxShown} more`] : []),
    `journal   ${last === null ? 'empty' : `ends at seq ${last.seq}, committed at ${last.committedAt}`}`,
    ...(lostJobs > 0
      ? [`          the bucket has ${lostJobs} more jobs: run quantbot-bus rebuild --from-objects`]
      : []),
    `bucket    ${objects}: ${artifacts - missing.length} of ${artifacts} artifacts of the journal`,
    ahead.objects === 0
      ? '          no object besides'
      : `          ${ahead.objects} objects besides, the newest of ${ahead.newestAt}: submissions, or orphans for gc`,
    `archive   ${archives ? `PostgreSQL archives its log, last at ${lastArchivedAt ?? '(not yet)'}` : 'PostgreSQL archives no log: there is no point-in-time recovery'}`,
    `replicas  ${replicas}`,
    '',
    ...(missing.length > 0
      ? [
          'The bucket is older than the database. Restore a newer version of these objects, or an older database;',
          'then run quantbot-bus verify.',
          '',
        ]
      : []),
    'Back up these two, PostgreSQL first:',
    '  PostgreSQL  a base backup and its archived log (point-in-time recovery). It is the truth',
    '  the bucket  store/, inbox/, receipts/, rejected/, journal/, lake/ and bus.json, with versioning. Only lake/ has',
    '              rows of forgotten artifacts. exports/ is rebuilt',
    'After a restore, run quantbot-bus rebuild --from-objects, then this command again, then start the daemons.',
  ].join('\n');
}
