import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readScrubState, type ScrubFinding } from '@quantbot/bus-format/state';
import type { Onlooker, VisibleBus } from '../../writer/onlooker.js';

/** Recovery and waiting jobs come first. */
const afterStartMs = 10_000;
/** The longest wait between two checks for a due pass. An operator may have run one meanwhile. */
const maxWaitMs = 3_600_000;
const afterFailureMs = 60_000;

/** The built entry point of the process, beside the bundle that this code is in. */
const defaultEntry = () => fileURLToPath(new URL('./scrub.js', import.meta.url));

/**
 * Scrubs a bus at the configured interval, in its own process with the lowest priority, so that a
 * slow disk or a large file delays nothing. An interrupted pass continues after a restart.
 *
 * @returns the onlooker, whose `close` ends the scrub.
 */
export async function scrubInBackground(
  bus: Pick<VisibleBus, 'config' | 'logger' | 'events' | 'now'>,
  entry = defaultEntry(),
): Promise<Onlooker> {
  const { intervalMs } = bus.config.scrub;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const plan = (atLeastMs: number) => {
    if (intervalMs === undefined || isClosed) return;
    const waitMs = Math.max(Math.min(dueInMs(bus, intervalMs), maxWaitMs), Math.min(atLeastMs, intervalMs));
    timer = setTimeout(() => (dueInMs(bus, intervalMs) > 0 ? plan(0) : start()), waitMs).unref();
  };
  const start = () => {
    const started = fork(entry, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    child = started;
    let lastWords = '';
    started.stderr?.on('data', chunk => {
      lastWords = (lastWords + String(chunk)).slice(-500);
    });
    started.on('message', (finding: ScrubFinding) => tell(bus, finding));
    started.on('error', error => bus.logger.warn({ err: error }, 'the scrub could not be started'));
    started.on('exit', (code, signal) => {
      child = undefined;
      if (code !== 0 && !isClosed)
        bus.logger.warn({ code, signal, lastWords }, 'the scrub ended early; it will be resumed');
      plan(code === 0 ? 1_000 : afterFailureMs);
    });
    started.send(bus.config);
    started.unref();
    started.channel?.unref();
  };
  plan(afterStartMs);
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}

function dueInMs({ config, now }: Pick<VisibleBus, 'config' | 'now'>, intervalMs: number): number {
  const state = readScrubState(config.busRoot);
  if (state == null || state.ended_at === null) return 0;
  // If the clock was set back since, do not wait for it.
  const since = now() - Date.parse(state.ended_at);
  return since < 0 ? 0 : Math.max(0, intervalMs - since);
}

function tell({ logger, events }: Pick<VisibleBus, 'logger' | 'events'>, { code, what, detail }: ScrubFinding): void {
  logger.error({ code, what }, `a scrub found a damaged file: ${detail}`);
  events.emit('damage', [{ code, what, detail }]);
}
