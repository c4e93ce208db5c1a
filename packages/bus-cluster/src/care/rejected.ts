import { hash } from 'node:crypto';
import { concurrently, daemonError } from '@quantbot/bus-format';
import { maxOutcomeBytes } from '@quantbot/bus-format/journal';
import type { RejectedEntry } from '@quantbot/bus-format/state';
import { type RejectReason, rejectReasonSchema } from '@quantbot/infra';
import { maxManifestBytes, objectKeys } from '@quantbot/infra/bus';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { isManifestOf } from '../carried-manifest.js';
import { pagesOf } from '../pages.js';
import { readState } from '../read-state.js';

const readsAtOnce = 32;

/** The rejected jobs of a cluster. */
export class RejectedJobs {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** Opens the rejected jobs of a configured cluster. */
  static async open(cluster: ClusterConfig): Promise<RejectedJobs> {
    return new RejectedJobs(await openObjects(withVariables(cluster.objects), cluster.s3));
  }

  /** Returns all rejected jobs, newest first. */
  async list(): Promise<RejectedEntry[]> {
    const ids: string[] = [];
    for await (const page of pagesOf(this.#objects, 'rejected/'))
      ids.push(...page.flatMap(({ key }) => /^rejected\/([^/]+?)(?<!\.manifest)\.json$/.exec(key)?.[1] ?? []));
    const entries = await concurrently(ids, id => this.#entry(id), readsAtOnce);
    return entries.flatMap(entry => entry ?? []).sort((a, b) => (b.reason?.seq ?? 0) - (a.reason?.seq ?? 0));
  }

  /**
   * Returns one rejected job, without a reason if that is damaged.
   *
   * @throws DaemonError `JOB_NOT_FOUND`.
   */
  async read(jobId: string): Promise<RejectedEntry> {
    const entry = await this.#entry(jobId);
    if (entry === undefined) throw daemonError('JOB_NOT_FOUND', `There is no rejected job ${jobId}.`);
    return entry;
  }

  /** Whether a rejected job can be retried. */
  async canRetry(jobId: string): Promise<boolean> {
    return (await this.#objects.head(objectKeys.rejectedManifest(jobId))) !== undefined;
  }

  /**
   * Puts a rejected job back into the inbox, as it came.
   *
   * @throws DaemonError `JOB_NOT_FOUND`, `FILE_DAMAGED`.
   */
  async retry(jobId: string): Promise<void> {
    const { reason } = await this.read(jobId);
    if (reason === undefined)
      throw daemonError('FILE_DAMAGED', `The reason of the rejected job ${jobId} is damaged.`, {
        hint: 'Run `quantbot-bus scrub`, wait a minute until a daemon has written it again, and retry the job.',
      });
    const manifest = await this.#objects.read(objectKeys.rejectedManifest(jobId), maxManifestBytes);
    if (manifest === undefined)
      throw daemonError('JOB_NOT_FOUND', `The manifest of the rejected job ${jobId} is gone, so it cannot be retried.`);
    if (!isManifestOf(manifest, reason))
      throw daemonError('FILE_DAMAGED', `The manifest of the rejected job ${jobId} is not what was submitted.`, {
        hint: `Submit its files again, then run \`quantbot-bus dismiss ${jobId} --note damaged\`.`,
      });
    await this.#objects.create(objectKeys.inbox(jobId, hash('sha256', manifest), reason.seq), manifest);
    await this.#objects.remove([objectKeys.rejected(jobId), objectKeys.rejectedManifest(jobId)]);
  }

  async #entry(jobId: string): Promise<RejectedEntry | undefined> {
    const key = objectKeys.rejected(jobId);
    const bytes = await readState(this.#objects, key, maxOutcomeBytes);
    return bytes && { jobId, folder: this.#objects.locationOf(key), reason: reasonIn(bytes.toString()) };
  }
}

function reasonIn(text: string): RejectReason | undefined {
  try {
    return rejectReasonSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // it is damaged: see compare-outcomes.ts
  }
}
