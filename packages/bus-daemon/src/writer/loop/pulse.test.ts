import { expect, test } from 'vitest';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { Pulse } from './pulse.js';

const minutes = 60_000;

async function running() {
  const { bus, advance } = await openInProcess();
  const pulse = new Pulse(bus);
  bus.events.emit('state', { state: 'running', code: null, message: null });
  return { bus, advance, pulse };
}

test('a loop in which nothing moves although there is work is told as stuck, until something moves', async () => {
  const { bus, advance, pulse } = await running();
  advance(9 * minutes);
  expect(pulse.health).toMatchObject({ alive: true, stuckForMs: 9 * minutes });
  advance(2 * minutes);
  expect(pulse.health).toMatchObject({ alive: false, stuckForMs: 11 * minutes });
  bus.events.emit('stage', { stage: 'store', seconds: 1 });
  expect(pulse.health).toMatchObject({ alive: true, stuckForMs: 0 });
});

test('a step within a stage shows that the loop is busy, not stuck, and does not wake one that rests', async () => {
  const { bus, advance, pulse } = await running();
  for (let step = 0; step < 5; step++) {
    advance(9 * minutes);
    expect(pulse.health.alive).toBe(true);
    bus.events.emit('moved', { stage: 'verify' });
  }
  pulse.rest();
  bus.events.emit('moved', { stage: 'verify' }); // a large job beside it
  advance(60 * minutes);
  expect(pulse.health).toMatchObject({ alive: true, stuckForMs: 0 });
});

test.each([
  ['waits for work', (pulse: Pulse) => pulse.rest()],
  ['pauses', (_: Pulse, emit: (state: 'paused' | 'starting') => void) => emit('paused')],
  ['makes tables again at its start', (_: Pulse, emit: (state: 'paused' | 'starting') => void) => emit('starting')],
])('a loop that %s is well, however long it takes', async (_what, act) => {
  const { bus, advance, pulse } = await running();
  act(pulse, state => bus.events.emit('state', { state, code: 'ENOSPC', message: 'full' }));
  advance(60 * minutes);
  expect(pulse.health).toMatchObject({ alive: true, stuckForMs: 0 });
});

test('a pause is told with its cause and since when; a pause that lasts keeps its beginning', async () => {
  const { bus, advance, pulse } = await running();
  advance(1000);
  const since = bus.now();
  for (const message of ['first', 'second']) {
    bus.events.emit('state', { state: 'paused', code: 'ENOSPC', message });
    advance(1000);
  }
  expect(pulse.health).toMatchObject({ state: 'paused', sinceMs: since, cause: { code: 'ENOSPC', message: 'second' } });
});
