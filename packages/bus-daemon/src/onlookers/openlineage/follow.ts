import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError, postWebhook } from '@quantbot/bus-care/notify';
import { readLineageCursor, writeLineageCursor } from '@quantbot/bus-format/state';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import type { BusConfig, OpenLineageConfig } from '@quantbot/infra/config';
import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import { type RunEvent, runEvents } from './run-events.js';

/** The answers of an endpoint that will not take this event at any later time. */
const refusals = [400, 413, 422];
const growing: Backoff = { firstMs: 1_000, maxMs: 300_000 };

/** A problem, for the log of the daemon. */
export interface LineageProblem {
  seq: number;
  error: string;
  /** Whether the event is not sent again. */
  isGivenUp: boolean;
}

interface Following {
  tell: (problem: LineageProblem) => void;
  signal: AbortSignal;
  backoff?: Backoff;
}

/**
 * Posts the events of each committed job, oldest first, until the signal aborts. It goes on after
 * the last job that was delivered, also after a restart. An endpoint that does not answer is
 * retried forever. An event that it refuses is skipped.
 *
 * @param target with its variables filled in.
 * @throws StorageError as `openCatalog`.
 */
export async function followLineage(
  { busRoot, duckdbPath }: Pick<BusConfig, 'busRoot' | 'duckdbPath'>,
  target: OpenLineageConfig,
  following: Following,
): Promise<void> {
  const { signal } = following;
  const catalog = await openCatalog({ duckdbPath });
  try {
    const [info] = await catalog.query('SELECT bus_id FROM catalog.bus_info');
    const names = { busId: String(info?.bus_id), namespace: target.namespace };
    let job: ArtifactRecord[] = [];
    let wanted = 0;
    const deliver = async () => {
      const [first, ...others] = job;
      job = [];
      if (first === undefined) return;
      for (const event of runEvents([first, ...others], names)) await post(event, first.seq, target, following);
      if (!signal.aborted) writeLineageCursor(busRoot, first.seq);
    };
    for await (const artifact of catalog.watch({ since: readLineageCursor(busRoot), signal })) {
      if (job[0]?.seq !== artifact.seq) {
        await deliver(); // an artifact was forgotten meanwhile, so the job was not complete
        wanted = await artifactsOf(catalog, artifact.seq);
      }
      job.push(artifact);
      if (job.length >= wanted) await deliver();
    }
  } finally {
    await catalog.close();
  }
}

/** The number of artifacts that a watch yields for a job. */
async function artifactsOf(catalog: Catalog, seq: number): Promise<number> {
  const sql = 'SELECT count(*) AS n FROM catalog.artifacts_f WHERE seq = ? AND forgotten_at IS NULL';
  const [row] = await catalog.query(sql, [seq]);
  return Number(row?.n);
}

async function post(event: RunEvent, seq: number, target: OpenLineageConfig, following: Following): Promise<void> {
  const { signal, tell, backoff = growing } = following;
  const attempt = { body: JSON.stringify(event), env: {}, timeoutMs: target.timeoutMs, signal };
  for (let failures = 1; !signal.aborted; failures++)
    try {
      return await postWebhook({ type: 'webhook', url: target.url, headers: target.headers }, attempt);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DeliveryError)) throw error;
      const isGivenUp = refusals.includes(error.status ?? 0);
      if (failures === 1) tell({ seq, error: error.message, isGivenUp });
      if (isGivenUp) return;
      const askedMs = Math.min(backoff.maxMs, error.retryAfterMs);
      await sleep(Math.max(askedMs, waitAfter(backoff, failures)), undefined, { signal }).catch(() => {});
    }
}
