import { type FSWatcher, watch } from 'node:fs';
import { busLayout } from '../bus-layout.js';

/** The jobs of one bus that this process waits for. */
interface WatchedBus {
  watchers: FSWatcher[];
  /** The callbacks to run on a change, by job id. */
  waiting: Map<string, Set<() => void>>;
}

/** One watch per folder, however many jobs wait: a thousand watches would each see all changes. */
const buses = new Map<string, WatchedBus>();

/**
 * Wakes when a job's folder may have appeared in `processed/` or `rejected/`. It is only a hint, so
 * every wait also times out.
 */
export interface OutcomeWatch {
  next(maxMs: number, signal?: AbortSignal): Promise<void>;
  /** The number of jobs of this bus that the process waits for. */
  waiting(): number;
  close(): void;
}

/** Watches for the outcome of a job until it is closed. */
export function watchOutcome(busRoot: string, jobId: string): OutcomeWatch {
  const bus = buses.get(busRoot) ?? watchBus(busRoot);
  let wake = () => {};
  let changed = false;
  const noticed = () => {
    changed = true; // remember it even without a waiter: the next wait then ends at once
    wake();
  };
  const ofJob = bus.waiting.get(jobId) ?? new Set();
  bus.waiting.set(jobId, ofJob.add(noticed));
  return {
    next: (maxMs, signal) =>
      new Promise(resolve => {
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          wake = () => {};
          changed = false;
          resolve();
        };
        const timer = setTimeout(done, maxMs);
        signal?.addEventListener('abort', done);
        wake = done;
        if (changed || signal?.aborted) done();
      }),
    waiting: () => bus.waiting.size,
    close: () => {
      ofJob.delete(noticed);
      if (ofJob.size === 0) bus.waiting.delete(jobId);
      if (bus.waiting.size > 0 || buses.get(busRoot) !== bus) return;
      buses.delete(busRoot);
      for (const watcher of bus.watchers) watcher.close();
    },
  };
}

function watchBus(busRoot: string): WatchedBus {
  const { processed, rejected } = busLayout(busRoot);
  const waiting: WatchedBus['waiting'] = new Map();
  const changed = (_event: string, name: string | null) => {
    const jobs = name === null ? [...waiting.values()] : [waiting.get(name) ?? []];
    for (const job of jobs) for (const notice of [...job]) notice();
  };
  const watchers = [processed, rejected].flatMap(folder => {
    try {
      return [watch(folder, changed).on('error', () => {})];
    } catch {
      return []; // no watch available: polling suffices
    }
  });
  const bus = { watchers, waiting };
  buses.set(busRoot, bus);
  return bus;
}
