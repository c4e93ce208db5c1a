import type { OpenAPIHono } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { statusOf } from './overview.js';

const mostListeners = 32;
/** Changes within this time are told as one. */
const gatherMs = 250;
const aliveMs = 15_000;

/** What can have changed. */
type Topic = 'jobs' | 'exports' | 'state';

/**
 * `/api/v1/events`: server-sent events. `status` at the beginning and after each change, `changed` with what has changed (a JSON list of `jobs`, `exports`,
 * `state`), so that a page knows what to ask for again, and `sample` every five seconds.
 */
export function addEvents(app: OpenAPIHono, context: HttpContext): void {
  let listeners = 0;
  app.get('/api/v1/events', c => {
    if (listeners >= mostListeners) refuse('HTTP_BUSY', `${mostListeners} pages are listening already.`);
    listeners++;
    return streamSSE(c, async stream => {
      const changes = gatherChanges(context);
      const leaveSamples = context.history.onSample(sample => {
        void stream.writeSSE({ event: 'sample', data: JSON.stringify(sample) });
      });
      stream.onAbort(() => changes.end());
      try {
        await stream.writeSSE({ event: 'status', data: JSON.stringify(await statusOf(context)), retry: 2_000 });
        for await (const topics of changes.all()) {
          if (topics.length === 0) {
            await stream.writeSSE({ event: 'alive', data: '' }); // so that both sides notice when the other is gone
            continue;
          }
          await stream.writeSSE({ event: 'changed', data: JSON.stringify(topics) });
          await stream.writeSSE({ event: 'status', data: JSON.stringify(await statusOf(context)) });
        }
      } finally {
        listeners--;
        leaveSamples();
        changes.end();
      }
    });
  });
}

/** Gathers what happens, however much it is, into a few lists. */
function gatherChanges({ bus }: HttpContext) {
  const pending = new Set<Topic>();
  const end = new AbortController();
  let wake = () => {};
  const note = (topic: Topic) => () => {
    pending.add(topic);
    wake();
  };
  const leave = [
    bus.events.on('settled', note('jobs')),
    bus.events.on('export', note('exports')),
    bus.events.on('state', note('state')),
  ];
  const pause = (ms: number, untilNoted: boolean) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(done, ms);
      end.signal.addEventListener('abort', done);
      if (untilNoted) wake = done;
      function done() {
        clearTimeout(timer);
        end.signal.removeEventListener('abort', done);
        resolve();
      }
    });
  return {
    /** Lists of what has changed; an empty one when nothing has for a while. */
    async *all(): AsyncGenerator<Topic[], void, undefined> {
      while (!end.signal.aborted) {
        if (pending.size === 0) await pause(aliveMs, true);
        const topics = [...pending];
        pending.clear();
        if (end.signal.aborted) return;
        yield topics;
        await pause(gatherMs, false);
      }
    },
    end: () => {
      end.abort();
      for (const stop of leave.splice(0)) stop();
    },
  };
}
