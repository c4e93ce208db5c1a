/** The rows of one commit for one canonical table. */
export interface Fragment {
  firstSeq: number;
  lastSeq: number;
  table: string;
  /** The first job whose rows it brings back; 0: the rows of its own commit. */
  restores: number;
  /** The last one, if its table was restored or retyped; 0: artifacts of one job were restored. */
  restoresTo: number;
}
