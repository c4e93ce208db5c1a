/** The state of an export. */
export interface ExportState {
  name: string;
  /** Absolute path of the file or the dataset. */
  path: string;
  /** Whether its last run succeeded; null before the first. */
  ok: boolean | null;
  /** Whether it has everything that was committed. */
  upToDate: boolean;
  /** When its current file was written (milliseconds since 1970), if this process knows. */
  writtenAtMs: number | undefined;
  /** When its last run began. */
  lastRunAtMs: number | undefined;
  durationMs: number | null;
  /** Of the last good file. */
  rows: number | null;
  bytes: number | null;
  files: number | null;
  asOfSeq: number | null;
  /** Why the last run failed. */
  error: string | null;
}
