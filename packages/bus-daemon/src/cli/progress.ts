import type { OnProgress, Progress } from '@quantbot/bus-format';
import progress, { type Options, type Params } from 'cli-progress';
import type { CommonOptions } from './shared.js';

/**
 * Does long work and shows a progress bar with rate and time left. The bar disappears at the end.
 * It is shown only on a terminal, and never with `--json`.
 */
export async function withProgress<T>(
  { json }: Pick<CommonOptions, 'json'>,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  if (json || !process.stderr.isTTY) return work(() => {});
  // Its own handler for Ctrl-C would keep the process from ending. So let it change nothing that
  // must be undone.
  const bar = new progress.SingleBar({
    format: lineOf,
    stream: process.stderr,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: false,
    linewrap: true,
    etaBuffer: 50,
  });
  let last: Progress | undefined;
  try {
    return await work(now => {
      const { done, total, ...payload } = now;
      const isSamePart = last?.unit === now.unit && last.done <= done;
      if (last !== undefined && !isSamePart) bar.stop(); // rate and time left are those of each part
      if (isSamePart) bar.setTotal(total);
      else bar.start(total, done, payload);
      last = now;
      bar.update(done, payload);
    });
  } finally {
    bar.stop();
  }
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const megabytes = new Intl.NumberFormat('en', {
  style: 'unit',
  unit: 'megabyte',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** `████░░  40%  4.0 MB of 10.0 MB  2.0 MB/s  3s left  what` */
function lineOf(options: Options, params: Params, { unit, what = '' }: Pick<Progress, 'unit' | 'what'>): string {
  const { value, total, startTime, eta, progress: share } = params;
  const amount = (count: number) => (unit === 'bytes' ? megabytes.format(count / 1e6) : whole.format(count));
  const noun = unit === 'bytes' ? '' : ` ${unit}`;
  const rate = value / Math.max(0.001, (Date.now() - startTime) / 1000);
  const left = Number.isFinite(eta) && value > 0 ? `${progress.Format.TimeFormat(eta, options, 1)} left` : '';
  const bar = progress.Format.BarFormat(share, options);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${bar} ${percent}  ${amount(value)} of ${amount(total)}${noun}  ${amount(rate)}/s  ${left}  ${what}`.trimEnd();
}
