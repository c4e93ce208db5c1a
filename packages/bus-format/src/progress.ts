/** The progress of a long piece of work. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted. */
  unit: 'bytes' | 'rows' | 'files' | 'exports' | 'jobs';
  /** The file, table or export in work. */
  what?: string;
}

/** Called with the progress of the work, at its start and after each step. */
export type OnProgress = (progress: Progress) => void;
