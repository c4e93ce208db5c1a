/** How far a long piece of work is. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted. */
  unit: 'bytes' | 'rows' | 'files' | 'exports' | 'jobs';
  /** What is being worked on. */
  what?: string;
}

/** Called with the progress of the work, at its start and after each step. */
export type OnProgress = (progress: Progress) => void;
