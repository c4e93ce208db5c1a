import type { CpuByPart } from './cpu-by-part.js';

/** The cost of one job, by what can do only one thing at a time (milliseconds). */
export interface JobCost {
  main: number;
  files: [number, number];
  decoder: number;
  compaction: number;
  helpers: number;
  /** Waiting for the flush of its file, while others are flushed too. */
  flush: number;
}

/** A rate, and the part that allows no more. */
export interface Prediction {
  perSecond: number;
  part: string;
}

/** Returns the cost of a job from the processor time that some jobs took. */
export function costOf(
  from: CpuByPart,
  to: CpuByPart,
  jobs: number,
): Pick<JobCost, 'main' | 'files' | 'decoder' | 'helpers'> {
  const perJob = (part: (cpu: CpuByPart) => number) => (part(to) - part(from)) / jobs;
  return {
    main: perJob(cpu => cpu.main),
    files: [perJob(cpu => cpu.files[0]), perJob(cpu => cpu.files[1])],
    decoder: perJob(cpu => cpu.decoder),
    helpers: perJob(cpu => cpu.helpers),
  };
}

/**
 * Predicts the rate of a full inbox. Each part works on another batch, so the slowest one decides,
 * or all cores together.
 */
export function predict({ main, files, decoder, compaction, helpers, flush }: JobCost, cores: number): Prediction {
  const all = main + files[0] + files[1] + decoder + compaction + helpers;
  const parts: [string, number][] = [
    ['main thread', main],
    ['storing: files and flushes', files[0] + flush],
    ['decoding', decoder],
    ['compaction', compaction],
    [cores === 1 ? 'the core' : `all ${cores} cores`, all / cores],
  ];
  const [part, ms] = parts.reduce((slowest, other) => (other[1] > slowest[1] ? other : slowest));
  return { perSecond: 1000 / ms, part };
}
