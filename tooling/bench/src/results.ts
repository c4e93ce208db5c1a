/** One line of a suite's result: the subject, and its figures by name (with units in the names). */
export interface Row {
  what: string;
  [figure: string]: string | number | null;
}

/** A suite's result. */
export interface SuiteResult {
  suite: string;
  title: string;
  /** One or two sentences on the method. */
  how: string;
  rows: Row[];
  /** What could not be measured on this machine, and why. */
  skipped: string[];
}

/** The input of a suite. */
export interface SuiteContext {
  /** An empty folder of the suite's own. */
  folder: string;
  /** Whether to do only a tenth of the work, for a quick try. */
  quick: boolean;
  /** The Python with the contenders' packages, if there is one. */
  python: string | undefined;
  /** The file sizes to measure. */
  sizes: readonly string[];
  /** The largest number of artifacts for `growth` and `forgetting`. */
  upTo: number;
  say(text: string): void;
}

export type Suite = (context: SuiteContext) => Promise<SuiteResult>;

/** Returns the nearest-rank percentile of values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/**
 * Returns the jobs per second in the second half of batches that ended at these times. It leaves
 * out the start, in which a program is still being compiled.
 */
export function ratePerSecond(ended: readonly { jobs: number; ms: number }[]): number {
  const [first, ...rest] = ended.slice(Math.floor(ended.length / 2));
  const seconds = ((rest.at(-1)?.ms ?? Number.NaN) - (first?.ms ?? 0)) / 1000;
  return rest.reduce((sum, { jobs }) => sum + jobs, 0) / seconds;
}

/** Rounds to three significant digits. */
export const round = (value: number): number => Number(value.toPrecision(3));
