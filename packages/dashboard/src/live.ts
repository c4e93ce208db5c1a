import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { get, type Sample, type Status } from './client.js';

/** The topics that can change while a page is open. */
export type Topic = 'jobs' | 'exports' | 'state';

/** The state that the daemon pushes. */
export interface Live {
  status: Status | undefined;
  samples: readonly Sample[];
  /** False while the daemon does not answer. */
  connected: boolean;
  /** Counts the changes of each topic, so that dependent requests are sent again. */
  changes: Readonly<Record<Topic, number>>;
}

const nothing: Live = { status: undefined, samples: [], connected: true, changes: { jobs: 0, exports: 0, state: 0 } };
const kept = 720;

export const LiveContext = createContext<Live>(nothing);

/** Provides the state that the daemon pushes to all parts of the page. */
export const useLive = (): Live => useContext(LiveContext);

/**
 * Listens to the server-sent events while the page is open. The browser reconnects automatically.
 */
export function useEvents(): Live {
  const [live, setLive] = useState(nothing);
  useEffect(() => {
    const events = new EventSource('/api/v1/events');
    const change = (next: (live: Live) => Partial<Live>) => setLive(live => ({ ...live, ...next(live) }));
    const read = <T>(event: MessageEvent<string>) => JSON.parse(event.data) as T;
    events.addEventListener('status', event => {
      change(() => ({ status: read<Status>(event), connected: true }));
    });
    events.addEventListener('sample', event => {
      change(({ samples }) => ({ samples: [...samples, read<Sample>(event)].slice(-kept) }));
    });
    events.addEventListener('changed', event => {
      const topics = read<Topic[]>(event);
      change(({ changes }) => ({
        changes: { ...changes, ...Object.fromEntries(topics.map(topic => [topic, changes[topic] + 1])) },
      }));
    });
    // Fetch what happened while the page was not connected.
    events.addEventListener('open', () => {
      change(({ changes }) => ({
        changes: { jobs: changes.jobs + 1, exports: changes.exports + 1, state: changes.state + 1 },
      }));
      get<{ samples: Sample[] }>('/history')
        .then(({ samples }) => change(() => ({ samples })))
        .catch(() => {}); // the next connection tries again
    });
    events.addEventListener('error', () => change(() => ({ connected: false })));
    return () => events.close();
  }, []);
  return live;
}
