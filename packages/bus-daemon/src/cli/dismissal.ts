import type { RejectedEntry } from '@quantbot/bus-format/state';
import { visibleLines } from '@quantbot/infra/bus';
import { exists } from '@quantbot/infra/files';
import { type JobRecord, openCatalog } from '@quantbot/storage';
import { type CommonOptions, configOf } from './shared.js';

/** Opens the catalog of a bus; undefined if none was published yet. */
export async function catalogOf(options: CommonOptions) {
  const { cluster, duckdbPath } = configOf(options);
  if (cluster === undefined && !(await exists(duckdbPath))) return undefined;
  return openCatalog({ config: options.config });
}

/** Reads which rejected jobs were dismissed. */
export async function readDismissals(options: CommonOptions): Promise<{ of(entry: RejectedEntry): JobRecord | null }> {
  await using catalog = await catalogOf(options);
  const jobs = (await catalog?.jobs({ status: 'dismissed' })) ?? [];
  const bySeq = new Map(jobs.map(job => [job.seq, job]));
  return { of: ({ reason }) => bySeq.get(reason?.seq ?? 0) ?? null };
}

/** Describes when and by whom a job was dismissed, and why. */
export const describeDismissal = ({ dismissedAt, dismissedBy, dismissNote }: JobRecord): string =>
  visibleLines(`${dismissedAt?.toISOString()}${dismissedBy === null ? '' : ` by ${dismissedBy}`}: ${dismissNote}`);
