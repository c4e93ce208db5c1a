import { expect, test } from 'vitest';
import { retryAfterMs } from './post-webhook.js';

const now = Date.UTC(2026, 0, 31, 12, 0, 0);

test.each([
  ['seconds', '120', 120_000],
  ['a date', 'Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
  ['a date that is past', 'Sat, 31 Jan 2026 11:00:00 GMT', 0],
  ['nothing of use', 'soon', 0],
  ['a number that no program can count with', '9'.repeat(400), 0],
  ['no such header', null, 0],
])('Retry-After as %s', (_what, header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});
