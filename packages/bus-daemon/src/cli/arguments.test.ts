import { expect, test, vi } from 'vitest';
import { parseMoment, parseTime } from './arguments.js';

test('a moment is a seq, a time, a time ago, or a day', () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 31, 12, 30) });
  try {
    expect(parseMoment('17')).toBe(17);
    const times = {
      '2026-01-30': '2026-01-30T00:00:00.000Z',
      '2026-01-30 08:00': '2026-01-30T08:00:00.000Z',
      '2026-01-30T08:00:00+02:00': '2026-01-30T06:00:00.000Z',
      '2h': '2026-01-31T10:30:00.000Z',
      '3d': '2026-01-28T12:30:00.000Z',
      today: '2026-01-31T00:00:00.000Z',
      yesterday: '2026-01-30T00:00:00.000Z',
    };
    for (const [text, time] of Object.entries(times)) expect(parseTime(text), text).toEqual(new Date(time));
    for (const text of ['soon', '2026-02-30T99:00', '2 h', '-1h', '999999999999d', '999999999d'])
      expect(() => parseMoment(text), text).toThrow('Write a seq, or a time');
    expect(() => parseTime('17')).toThrow('Write a time');
  } finally {
    vi.useRealTimers();
  }
});
