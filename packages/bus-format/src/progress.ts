/** How far a long piece of work is. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted. */
  unit: 'bytes' | 'rows' | 'files' | 'exports';
  /** What is being worked on. */
  what?: string;
}

/** Is told how far the work is, at the beginning and whenever it has got further. */
export type OnProgress = (progress: Progress) => void;
