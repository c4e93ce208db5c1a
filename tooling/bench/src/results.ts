/**
 * One line of a suite's result: what was measured, and its figures by name (units in the names).
 */
export interface Row {
  what: string;
  [figure: string]: string | number | null;
}

/** A suite's result. */
export interface SuiteResult {
  suite: string;
  title: string;
  /** How it was measured, in a sentence or two. */
  how: string;
  rows: Row[];
  /** What could not be measured here, and why. */
  skipped: string[];
}

/** What a suite gets. */
export interface SuiteContext {
  /** An empty folder of the suite's own. */
  folder: string;
  /** A tenth of the work, for trying things out. */
  quick: boolean;
  /** The Python with the contenders' packages, if there is one. */
  python: string | undefined;
  /** Which of the files' sizes. */
  sizes: readonly string[];
  /** How many artifacts `growth` goes up to. */
  upTo: number;
  say(text: string): void;
}

export type Suite = (context: SuiteContext) => Promise<SuiteResult>;

/** The value below which a share of the values lies (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/**
 * Jobs per second in the second half of batches that ended at these times: without the start, in
 * which a program is still being compiled.
 */
export function ratePerSecond(ended: readonly { jobs: number; ms: number }[]): number {
  const [first, ...rest] = ended.slice(Math.floor(ended.length / 2));
  const seconds = ((rest.at(-1)?.ms ?? Number.NaN) - (first?.ms ?? 0)) / 1000;
  return rest.reduce((sum, { jobs }) => sum + jobs, 0) / seconds;
}

/** Three significant digits. */
export const round = (value: number): number => Number(value.toPrecision(3));
