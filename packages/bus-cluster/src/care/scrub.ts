import type { OnProgress } from '@quantbot/bus-format';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { ScrubFinding } from '@quantbot/bus-format/state';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import type { Pace } from '@quantbot/infra/files';
import { hashObject, type Objects, openObjects } from '@quantbot/infra/objects';
import { forgottenAmong } from '../forgotten.js';
import { readableUpTo, rowsBetween } from '../journal.js';
import { atTheirPlaces } from '../places.js';
import { Postgres } from '../postgres/postgres.js';

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 1000;

/** What a scrub of a cluster has found. */
export interface ClusterScrub {
  started_at: string;
  ended_at: string;
  files: number;
  bytes: number;
  findings: ScrubFinding[];
}

/**
 * Reads every stored artifact from the object store at a bounded rate, and compares its SHA-256
 * with the journal's. It keeps no place: an interrupted scrub starts over.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`; BusError of the object store.
 */
export async function scrubCluster(
  cluster: ClusterConfig,
  { pace, onProgress }: { pace: Pace; onProgress: OnProgress },
): Promise<ClusterScrub> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(withVariables(cluster.postgres), { connections: 2 });
  try {
    const result = { started_at: new Date().toISOString(), files: 0, bytes: 0, findings: [] as ScrubFinding[] };
    const [head] = await postgres.query<{ seq: number; total: number }>(
      `SELECT seq, (SELECT coalesce(sum(bytes), 0)::bigint FROM bus.journal WHERE status = 'ingested') AS total FROM bus.head`,
    );
    const { seq: lastSeq = 0, total = 0 } = head ?? {};
    for (let after = 0, upTo = 0; after < lastSeq; after = upTo) {
      upTo = await readableUpTo(postgres, after, Math.min(after + stepJobs, lastSeq));
      const rows = await rowsBetween(postgres, after + 1, upTo);
      const ingested = rows.filter(({ status }) => status === 'ingested');
      for (const row of await atTheirPlaces(postgres, ingested)) {
        const key = row.artifact_key ?? '';
        if ((await forgottenAmong(postgres, [key])).has(key)) continue;
        const found = await compare(objects, row, pace);
        if (found !== undefined) result.findings.push({ ...found, found_at: new Date().toISOString() });
        result.files++;
        result.bytes += row.bytes ?? 0;
        onProgress({ done: result.bytes, total, unit: 'bytes' });
      }
    }
    return { ...result, ended_at: new Date().toISOString() };
  } finally {
    await postgres.close();
  }
}

async function compare(
  objects: Objects,
  { rel_path, bytes, sha256, seq }: JournalRow,
  pace: Pace,
): Promise<Omit<ScrubFinding, 'found_at'> | undefined> {
  const what = rel_path ?? '';
  const head = await objects.head(what);
  if (head === undefined) return { code: 'MISSING', what, detail: `the journal has it since seq ${seq}` };
  const paced = {
    readRange: async (key: string, offset: number, length: number) => {
      await pace(length);
      return objects.readRange(key, offset, length);
    },
  };
  const found = await hashObject(paced, what, head.bytes);
  if (found === sha256 && head.bytes === bytes) return undefined;
  return { code: 'CHANGED', what, detail: `sha256 is ${found}, the journal has ${sha256} (seq ${seq})` };
}
