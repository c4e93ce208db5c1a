import { expect, test } from 'vitest';
import { currentTrace } from './tracing.js';

const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

test('without OpenTelemetry the trace is that of the environment', () => {
  expect(currentTrace({ TRACEPARENT, TRACESTATE: 'a=b' })).toEqual({ traceparent: TRACEPARENT, tracestate: 'a=b' });
  expect(currentTrace({ TRACEPARENT })).toEqual({ traceparent: TRACEPARENT });
});

test.each([undefined, '', 'x', `${TRACEPARENT}\n`, TRACEPARENT.toUpperCase(), TRACEPARENT.replace('00-', '01-')])(
  'what is no trace is none: %j',
  text => {
    expect(currentTrace({ TRACEPARENT: text })).toEqual({});
  },
);
