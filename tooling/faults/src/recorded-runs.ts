import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Recorded } from './flush-order.js';
import { makeBus } from './make-bus.js';
import { endedWithin, mustEndWell, type Sabotage, startDaemon, startProducer } from './processes.js';
import { readRecording, recording } from './strace.js';
import { listFiles } from './tree.js';

const endsWithinMs = 60_000;

/**
 * Records the system calls of a daemon that ingests a dozen jobs, compacts, publishes, exports and
 * ends.
 */
export const recordDaemon = (sabotage: Sabotage = {}): Promise<Recorded> =>
  record(async (folder, strace) => {
    await mustEndWell(startProducer(folder, 'p', 12, 7), 'the producer');
    return startDaemon(folder, { ...sabotage, strace, drain: true });
  });

/** Records the system calls of a producer that submits some jobs and ends. */
export const recordProducer = (sabotage: Sabotage = {}): Promise<Recorded> =>
  record(async (folder, strace) => startProducer(folder, 'p', 4, 7, { ...sabotage, strace }));

async function record(
  start: (folder: string, strace: readonly string[]) => Promise<ReturnType<typeof startDaemon>>,
): Promise<Recorded> {
  const folder = await makeBus();
  const file = join(folder, 'calls.log');
  try {
    const running = await start(folder, recording(file));
    // A mutant may fail. Only its calls until then count.
    if ((await endedWithin(running, endsWithinMs)) === undefined) running.kill('SIGKILL');
    await running.ended;
    const dataRoot = join(folder, 'data');
    const ledger = join(folder, 'ledger.jsonl');
    return { calls: readRecording(file), dataRoot, ledger, settled: seqsOfSettled(dataRoot) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the seq of each settled job, by the path of its folder. */
function seqsOfSettled(dataRoot: string): Map<string, number> {
  const outcomes = listFiles(dataRoot)
    .filter(path => /^bus\/(processed|rejected)\/[^/]+\/(RECEIPT|REJECT_REASON)\.json$/.test(path))
    .map(path => join(dataRoot, path));
  return new Map(
    outcomes.map(path => [dirname(path), (JSON.parse(readFileSync(path, 'utf8')) as { seq: number }).seq]),
  );
}
