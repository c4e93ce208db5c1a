import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError, postWebhook } from '@quantbot/bus-care/notify';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import type { OpenLineageConfig } from '@quantbot/infra/config';
import type { ArtifactRecord, Catalog } from '@quantbot/storage';
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

/** The last job whose events were delivered, or refused for good. */
export interface LineageCursor {
  /** Returns its seq; 0 if there is none. */
  read(): Promise<number>;
  /** Notes another. @returns whether to go on: false if another daemon sends the events now. */
  write(seq: number): Promise<boolean>;
}

/** A bus whose events are sent. */
export interface LineageSource {
  catalog: Catalog;
  cursor: LineageCursor;
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
 * @param source its catalog is closed at the end.
 * @param target with its variables filled in.
 */
export async function followLineage(
  { catalog, cursor }: LineageSource,
  target: OpenLineageConfig,
  following: Following,
): Promise<void> {
  const { signal } = following;
  try {
    const [info] = await catalog.query('SELECT bus_id FROM catalog.bus_info');
    const names = { busId: String(info?.bus_id), namespace: target.namespace };
    let job: ArtifactRecord[] = [];
    let wanted = 0;
    /** @returns whether to go on. */
    const deliver = async () => {
      const [first, ...others] = job;
      job = [];
      if (first === undefined) return true;
      for (const event of runEvents([first, ...others], names)) await post(event, first.seq, target, following);
      return !signal.aborted && (await cursor.write(first.seq));
    };
    for await (const artifact of catalog.watch({ since: await cursor.read(), signal })) {
      if (job[0]?.seq !== artifact.seq) {
        if (!(await deliver())) return; // an artifact was forgotten meanwhile, so the job was not complete
        wanted = await artifactsOf(catalog, artifact.seq);
      }
      job.push(artifact);
      if (job.length >= wanted && !(await deliver())) return;
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
