import type { StoreProblem } from '@quantbot/bus-care/verify';
import { concurrently } from '@quantbot/bus-format';
import {
  groupByClaim,
  isOutcomeOf,
  isRejection,
  type JournalRow,
  maxOutcomeBytes,
  type TableNames,
} from '@quantbot/bus-format/journal';
import { objectKeys } from '@quantbot/infra/bus';
import type { Pace } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { isManifestOf } from '../carried-manifest.js';
import { dismissedJobs } from '../dismissals.js';
import { rowsOfJobs } from '../journal.js';
import type { ClusterPlaces } from '../lake/lake-files.js';
import { rootOf } from '../outcomes.js';
import { pagesOf } from '../pages.js';
import type { Queries } from '../postgres/postgres.js';
import { readState } from '../read-state.js';
import { type SettledJob, settledAfter } from '../settling.js';
import { operatedTables } from '../table-operations.js';

/** The outcomes whose jobs are read from the journal at once. */
const jobsAtOnce = 100;
const readsAtOnce = 16;
const outcomePrefixes = ['receipts/', 'rejected/'];
const settledAtOnce = 5000;

/** An outcome of a job that does not say what the journal says. */
export interface HurtOutcome extends StoreProblem {
  /** The job from which a daemon can write it again; undefined if the journal lacks its content. */
  seq: number | undefined;
}

/** What outcomes are compared with. */
interface Known {
  objects: Objects;
  names: TableNames;
  /** The jobs of each id, oldest first. */
  jobs: ReadonlyMap<string, JournalRow[][]>;
  isDismissed(jobId: string, seq: number): Promise<boolean>;
}

/** An outcome of a job, compared with the journal. */
export interface ComparedOutcome {
  /** Its key. */
  what: string;
  bytes: number;
  /** Undefined if it is sound. */
  hurt: HurtOutcome | undefined;
}

/**
 * Compares receipts, reasons of rejections, and manifests of rejected jobs with the journal, in the
 * order of their keys. Daemons may settle jobs meanwhile. Outcomes that are gone come last, without
 * those that `gc` has removed.
 *
 * @param options.after the last key that it skips.
 */
export async function* compareOutcomes(
  places: Pick<ClusterPlaces, 'postgres' | 'objects'>,
  { pace, after }: { pace?: Pace; after?: string } = {},
): AsyncGenerator<ComparedOutcome> {
  const { postgres, objects } = places;
  const seen = new Set<string>();
  for (const prefix of outcomePrefixes)
    for await (const page of pagesOf(objects, prefix, after))
      for (let at = 0; at < page.length; at += jobsAtOnce) {
        const some = page.slice(at, at + jobsAtOnce);
        for (const { key, bytes } of some) {
          seen.add(key);
          await pace?.(bytes);
        }
        const hurt = await hurtNow(
          places,
          some.map(({ key }) => key),
        );
        for (const { key, bytes } of some) yield { what: key, bytes, hurt: hurt.get(key) };
      }
  for (let seq = 0; ; ) {
    const jobs = await settledAfter(postgres, seq, settledAtOnce);
    for (const job of jobs)
      if (!seen.has(outcomeOf(job)))
        for (const hurt of await lostOutcome(objects, job)) yield { what: hurt.what, bytes: 0, hurt };
    if (jobs.length < settledAtOnce) return;
    seq = jobs.at(-1)?.seq ?? seq;
  }
}

/** Compares those of these keys that are of outcomes. */
export async function compareNamedOutcomes(
  places: Pick<ClusterPlaces, 'postgres' | 'objects'>,
  keys: readonly string[],
): Promise<ComparedOutcome[]> {
  const whats = keys.filter(key => outcomePrefixes.some(prefix => key.startsWith(prefix)));
  const hurt = await hurtNow(places, whats);
  return whats.map(what => ({ what, bytes: 0, hurt: hurt.get(what) }));
}

/** Looks again at what differs: a daemon may have written it since the look at the journal. */
async function hurtNow(
  { postgres, objects }: Pick<ClusterPlaces, 'postgres' | 'objects'>,
  keys: readonly string[],
): Promise<Map<string, HurtOutcome>> {
  let hurt = await hurtAmong(postgres, objects, keys);
  const whats = hurt.map(({ what }) => what);
  if (hurt.length > 0) hurt = await hurtAmong(postgres, objects, whats);
  return new Map(hurt.map(found => [found.what, found]));
}

const outcomeOf = ({ jobId, isRejected }: SettledJob): string =>
  isRejected ? objectKeys.rejected(jobId) : objectKeys.receipt(jobId);

/** Looks again: a job may have been settled or retried since the list was read. */
async function lostOutcome(objects: Objects, job: SettledJob): Promise<HurtOutcome[]> {
  const what = outcomeOf(job);
  if ((await objects.head(what)) !== undefined) return [];
  const waiting = await objects.list(objectKeys.inboxOf(job.jobId), { limit: 1 });
  if (job.isRejected && waiting.length > 0) return [];
  return [{ code: 'OUTCOME_DAMAGED', what, detail: `it is gone; ${cure}`, seq: job.seq }];
}

const cure = 'run quantbot-bus scrub, and a daemon writes it again within a minute';

async function hurtAmong(postgres: Queries, objects: Objects, keys: readonly string[]): Promise<HurtOutcome[]> {
  const jobs = new Map<string, JournalRow[][]>();
  const rows = await rowsOfJobs(postgres, [...new Set(keys.map(key => partsOf(key).jobId))]);
  for (const job of groupByClaim(rows).values()) {
    const id = job[0]?.job_id ?? '';
    jobs.set(id, [...(jobs.get(id) ?? []), job]);
  }
  const { names } = await operatedTables(postgres);
  const isDismissed = async (jobId: string, seq: number) => ((await dismissedJobs(postgres)).get(jobId) ?? 0) > seq;
  const compared = await concurrently(keys, key => compare({ objects, names, jobs, isDismissed }, key), readsAtOnce);
  return compared.flatMap(hurt => hurt ?? []);
}

/** Returns undefined for a sound outcome, and for what is no outcome of a job in the journal. */
async function compare(known: Known, key: string): Promise<HurtOutcome | undefined> {
  const { objects, names } = known;
  const { kind, jobId, isManifest } = partsOf(key);
  const jobs = (known.jobs.get(jobId) ?? []).filter(rows => isRejection(rows) === (kind === 'rejected'));
  const seq = jobs.at(-1)?.[0]?.seq;
  if (seq === undefined) return undefined;
  const bytes = await readState(objects, key, maxOutcomeBytes);
  if (bytes === undefined) return undefined; // removed meanwhile
  const problem = { code: 'OUTCOME_DAMAGED' as const, what: key };
  if (!isManifest) {
    const isSound = jobs.some(
      rows => bytes !== 'damaged' && isOutcomeOf(bytes.toString(), rootOf(objects), rows, names),
    );
    return isSound ? undefined : { ...problem, detail: `it does not say what the journal says; ${cure}`, seq };
  }
  const isSound = bytes !== 'damaged' && jobs.some(([row]) => isManifestOf(bytes, row as JournalRow));
  if (isSound || (await known.isDismissed(jobId, seq))) return undefined;
  const detail = `it is not what was submitted, so the job cannot be retried; submit its files again, then run quantbot-bus dismiss ${jobId} --note damaged`;
  return { ...problem, detail, seq: undefined };
}

/** Parses the key of an outcome. */
export function partsOf(key: string): { kind: string; jobId: string; isManifest: boolean } {
  const [, kind = '', jobId = '', manifest] = /^([a-z]+)\/([^/]+?)(\.manifest)?\.json$/.exec(key) ?? [];
  return { kind, jobId, isManifest: manifest !== undefined };
}
