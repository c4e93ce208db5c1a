import type { StageName } from '@quantbot/bus-http';
import type { Bus } from '../bus.js';

/** Runs a stage and emits its duration. */
export async function timed<T>({ events }: Pick<Bus, 'events'>, stage: StageName, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  events.emit('stage', { stage, seconds: (performance.now() - started) / 1000 });
  return result;
}
