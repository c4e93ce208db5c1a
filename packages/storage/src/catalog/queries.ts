import type { Param } from '../duckdb/bind.js';
import type { Row } from '../types/mapping.js';
import type { JobRecord } from './records.js';
import type { artifactOrder, jobOrder, runOrder, SortBy } from './sorting.js';

/** Selects the newest artifact of a producer and kind. */
export interface LatestFilter {
  producer: string;
  kind: string;
  /** Required if the kind has several. */
  artifactId?: string;
  /** Selects the artifact of this alias instead of the newest. */
  alias?: string;
}

/** Conditions on artifacts. An absent field is no condition. */
export interface ArtifactFilter {
  /** `run_id/producer/kind/artifact_id`. */
  key?: string;
  runId?: string;
  producer?: string;
  kind?: string;
  artifactId?: string;
  /** Committed at or after. */
  since?: Date;
  /** Committed before. */
  until?: Date;
  /** Only those that are, or were, in quarantine; with false, only the others. */
  quarantined?: boolean;
  /** Only jobs before this seq. */
  beforeSeq?: number;
  /**
   * With `beforeSeq`: also the artifacts of that job before this ordinal. Pass seq and ordinal of
   * the last artifact of a page to get the next page.
   */
  beforeOrdinal?: number;
  /**
   * Words. Only artifacts that have all of them in key, schema hint or `meta`, in any case. The
   * word `meta.strategy=carry` compares one field of `meta`; `meta.a.b=1` a nested one.
   */
  text?: string;
  /** The order of the list: `rows`, or `-rows` for the greatest first. By default newest first. */
  sort?: SortBy<typeof artifactOrder>;
  /** How many to skip: the next page of a list with `sort`. */
  offset?: number;
  /** The maximum number. */
  limit?: number;
}

/** Conditions on settled jobs. An absent field is no condition. */
export interface JobFilter {
  status?: JobRecord['status'];
  runId?: string;
  producer?: string;
  kind?: string;
  /** The code of a rejection. */
  rejectCode?: string;
  /** Committed at or after. */
  since?: Date;
  /** Committed before. */
  until?: Date;
  /** Only before this seq. Pass the last seq of a page to get the next page. */
  beforeSeq?: number;
  /** Words. Only jobs that have all of them in ids, source, code or message, in any case. */
  text?: string;
  /** The order of the list: `rows`, or `-rows` for the greatest first. By default newest first. */
  sort?: SortBy<typeof jobOrder>;
  /** How many to skip: the next page of a list with `sort`. */
  offset?: number;
  /** The maximum number. */
  limit?: number;
}

/** Conditions on runs. An absent field is no condition. */
export interface RunFilter {
  runId?: string;
  /**
   * Only runs whose last job is before this seq. Pass that of the last run of a page to get the
   * next page.
   */
  beforeSeq?: number;
  /** Words. Only runs that have all of them in id, producers or kinds, in any case. */
  text?: string;
  /** The order of the list: `rows`, or `-rows` for the greatest first. By default newest first. */
  sort?: SortBy<typeof runOrder>;
  /** How many to skip: the next page of a list with `sort`. */
  offset?: number;
  /** The maximum number. */
  limit?: number;
}

/** Asks a catalog. */
export type Query = (sql: string, parameters?: readonly Param[]) => Promise<Row[]>;

/** A condition with one parameter. Without a value it is none. */
export type Condition = readonly [sql: string, value: Param | undefined];

/** Returns the conditions whose value is given. */
export function whereOf(conditions: readonly Condition[]): [sql: string, values: Param[]] {
  const given = conditions.filter((condition): condition is [string, Param] => condition[1] !== undefined);
  const where = given.length === 0 ? '' : ` WHERE ${given.map(([sql]) => sql).join(' AND ')}`;
  return [where, given.map(([, value]) => value)];
}

/** A LIMIT and an OFFSET, or nothing. */
export const pageOf = ({ limit, offset }: { limit?: number; offset?: number }): string =>
  (limit === undefined ? '' : ` LIMIT ${Math.max(0, Math.floor(limit))}`) +
  (offset === undefined ? '' : ` OFFSET ${Math.max(0, Math.floor(offset))}`);
