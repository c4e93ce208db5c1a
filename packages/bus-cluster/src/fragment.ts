/** The rows of one commit for one canonical table. */
export interface Fragment {
  firstSeq: number;
  lastSeq: number;
  table: string;
  /** The job whose rows it brings back; 0: the rows of its own commit. */
  restores: number;
}
