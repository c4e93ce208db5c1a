import type { Socket } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { isStillAdmitted } from '../access/guard-access.js';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { statusOf } from './overview.js';

const maxListeners = 32;
/** Changes within this time are sent as one event. */
const gatherMs = 250;
const aliveMs = 15_000;

/** The topics of changes. */
type Topic = 'jobs' | 'exports' | 'state';

/**
 * `/api/v1/events`: server-sent events. `status` comes first and after each change. `changed` lists
 * what changed (`jobs`, `exports`, `state`), so that a page knows what to load again. `sample`
 * comes every five seconds.
 */
export function addEvents(app: OpenAPIHono, context: HttpContext): void {
  const listening = new Set<Socket>();
  app.get('/api/v1/events', c => {
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
    if (listening.size >= maxListeners) refuse('HTTP_BUSY', `${maxListeners} pages are listening already.`);
    const { socket } = (c.env as HttpBindings).incoming;
    // Requests can be pipelined on one connection, but an event stream never ends.
    if (listening.has(socket)) refuse('HTTP_BUSY', 'This connection is listening already.');
    listening.add(socket);
    return streamSSE(c, async stream => {
      const changes = gatherChanges(context);
      let isWriting = false;
      const leaveSamples = context.history.onSample(async sample => {
        if (isWriting) return; // a client that does not read misses samples, so that they do not pile up
        isWriting = true;
        await stream.writeSSE({ event: 'sample', data: JSON.stringify(sample) });
        isWriting = false;
      });
      const end = () => {
        changes.end();
        stream.abort();
      };
      socket.once('close', end);
      if (socket.destroyed) end();
      try {
        await stream.writeSSE({ event: 'status', data: JSON.stringify(await statusOf(context)), retry: 2_000 });
        for await (const topics of changes.all()) {
          if (!(await isStillAdmitted(context.access, c))) break; // its token was revoked or has expired
          if (topics.length === 0) {
            await stream.writeSSE({ event: 'alive', data: '' }); // lets both sides notice that the other is gone
            continue;
          }
          await stream.writeSSE({ event: 'changed', data: JSON.stringify(topics) });
          await stream.writeSSE({ event: 'status', data: JSON.stringify(await statusOf(context)) });
        }
      } finally {
        listening.delete(socket);
        leaveSamples();
        changes.end();
        socket.off('close', end);
      }
    });
  });
}

/** Gathers any number of events into a few lists of topics. */
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
    bus.events.on('published', note('jobs')),
    bus.events.on('export', note('exports')),
    bus.events.on('state', note('state')),
    bus.events.on('collected', note('state')),
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
    /** Yields lists of changes; an empty one after a while without changes. */
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
