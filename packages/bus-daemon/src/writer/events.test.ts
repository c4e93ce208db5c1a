import { createLogger } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { Events } from './events.js';

const about = { stage: 'store', seconds: 1 } as const;

test('an onlooker that fails keeps neither the others nor the work', () => {
  const events = new Events(createLogger({ name: 'test', level: 'silent' }));
  const seen: number[] = [];
  events.on('stage', () => {
    throw new Error('mine');
  });
  events.on('stage', ({ seconds }) => seen.push(seconds));
  events.emit('stage', about);
  expect(seen).toEqual([1]);
});

test('who has left hears nothing more', () => {
  const events = new Events(createLogger({ name: 'test', level: 'silent' }));
  const seen: number[] = [];
  const leave = events.on('stage', ({ seconds }) => seen.push(seconds));
  events.emit('stage', about);
  leave();
  events.emit('stage', about);
  expect(seen).toEqual([1]);
});
