import type { Pace } from '@quantbot/infra/files';

/** Kinds of damage of a stored artifact, a canonical table, or a file that the daemon wrote. */
export type StoreProblemCode =
  | 'MISSING'
  | 'CHANGED'
  | 'UNREADABLE'
  | 'ORPHAN'
  | 'TABLE_ROWS'
  | 'JOURNAL_DAMAGED'
  | 'TABLE_DAMAGED'
  | 'DATABASE_DAMAGED'
  | 'RECORD_DAMAGED'
  | 'STATE_DAMAGED'
  | 'GUARD_DAMAGED'
  | 'OUTCOME_DAMAGED'
  | 'EXPORT_DAMAGED'
  | 'NOT_ERASED';

/** A problem that `verify` or the scrub found. */
export interface StoreProblem {
  code: StoreProblemCode;
  /** Path relative to the bus root, or the table's name. */
  what: string;
  detail: string;
}

/** A file that the daemon wrote, and the check of its content. */
export interface OwnFile {
  /** Path relative to the bus root; absolute for a file outside of it. */
  what: string;
  path: string;
  /** Returns undefined if the file is sound or gone. */
  check(pace?: Pace): Promise<StoreProblem | undefined>;
}
