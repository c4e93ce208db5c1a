import type { StoreProblem } from '@quantbot/bus-care/verify';
import type { OnProgress } from '@quantbot/bus-format';
import type { ScrubFinding } from '@quantbot/bus-format/state';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import type { Pace } from '@quantbot/infra/files';
import { openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { writeAgain } from '../archive.js';
import { compareArtifact } from '../compare-object.js';
import { forgottenAmong } from '../forgotten.js';
import { readableUpTo, rowsBetween } from '../journal.js';
import { openBusObjects } from '../objects-of-bus.js';
import { atTheirPlaces } from '../places.js';
import { Postgres } from '../postgres/postgres.js';
import { noteUnsettled } from '../settling.js';
import { compareArchive } from './compare-archive.js';
import { hurtOutcomes } from './compare-outcomes.js';
import { listOwnObjects } from './own-objects.js';

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
 * Reads every object of a cluster at a bounded rate, and compares it with its checksum: stored
 * artifacts, files of the lake, golden exports, and the journal. It writes damaged objects of the
 * journal again. The daemon that publishes then writes outcomes of jobs again that differ from the
 * journal. It keeps no place: an interrupted scrub starts over.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`; BusError of the object store.
 */
export async function scrubCluster(
  cluster: ClusterConfig,
  { pace, onProgress }: { pace: Pace; onProgress: OnProgress },
): Promise<ClusterScrub> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const { postgres: url, root } = await lakeAddress(cluster);
  const postgres = await Postgres.open(url, { connections: 2 });
  try {
    const result = { started_at: new Date().toISOString(), files: 0, bytes: 0, findings: [] as ScrubFinding[] };
    const [head] = await postgres.query<{ seq: number; busId: string; total: number }>(
      `SELECT seq, bus_id AS "busId", (SELECT coalesce(sum(bytes), 0)::bigint FROM bus.journal WHERE status = 'ingested') AS total FROM bus.head`,
    );
    const { seq: lastSeq = 0, busId = '', total: stored = 0 } = head ?? {};
    const own = await listOwnObjects({ postgres, objects, root });
    const total = own.reduce((sum, { bytes }) => sum + bytes, stored);
    const note = (found: StoreProblem | undefined, bytes: number) => {
      if (found !== undefined) result.findings.push({ ...found, found_at: new Date().toISOString() });
      result.files++;
      result.bytes += bytes;
      onProgress({ done: Math.min(result.bytes, total), total, unit: 'bytes' });
    };
    for (const { bytes, check } of own) note(await check({ pace }), bytes);
    const hurt = await compareArchive(postgres, objects);
    for (const { what, detail } of hurt) note({ code: 'JOURNAL_DAMAGED', what, detail }, 0);
    // If another object differs, the database may be that of another bus, or was set back.
    if (hurt.some(({ lost }) => lost !== undefined) && hurt.every(({ lost }) => lost !== undefined)) {
      const own = await openBusObjects(withVariables(cluster.objects), cluster.s3, busId);
      for (const { lost } of hurt) if (lost !== undefined) await writeAgain(postgres, own, lost);
    }
    for await (const { seq, ...problem } of hurtOutcomes({ postgres, objects }, pace)) {
      note(problem, 0);
      if (seq !== undefined) await noteUnsettled(postgres, [seq]);
    }
    for (let after = 0, upTo = 0; after < lastSeq; after = upTo) {
      upTo = await readableUpTo(postgres, after, Math.min(after + stepJobs, lastSeq));
      const rows = await rowsBetween(postgres, after + 1, upTo);
      const ingested = rows.filter(({ status }) => status === 'ingested');
      for (const row of await atTheirPlaces(postgres, ingested)) {
        const key = row.artifact_key ?? '';
        if ((await forgottenAmong(postgres, [key])).has(key)) continue;
        note(await compareArtifact(objects, row, { pace }), row.bytes ?? 0);
      }
    }
    return { ...result, ended_at: new Date().toISOString() };
  } finally {
    await postgres.close();
  }
}
