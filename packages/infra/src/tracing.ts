import { createRequire } from 'node:module';
import type { Attributes } from '@opentelemetry/api';

/** The trace context in a manifest: W3C Trace Context, https://www.w3.org/TR/trace-context/. */
export interface TraceContext {
  traceparent?: string;
  tracestate?: string;
}

/**
 * Returns OpenTelemetry's API if the program has set it up, otherwise undefined. All 1.x versions
 * of the API register under the same global name, because several of them may be loaded at once.
 */
const openTelemetry = () =>
  Symbol.for('opentelemetry.js.api.1') in globalThis
    ? (createRequire(import.meta.url)('@opentelemetry/api') as typeof import('@opentelemetry/api'))
    : undefined;

/**
 * Runs a submission within its own span, if the program uses OpenTelemetry; otherwise it costs
 * nothing. The manifest carries the span's context ({@link currentTrace}), and the daemon continues
 * the trace.
 */
export async function withSubmitSpan<T>(
  producer: string,
  work: (describe: (attributes: Attributes) => void) => Promise<T>,
): Promise<T> {
  const api = openTelemetry();
  if (api === undefined) return work(() => {});
  const options = {
    kind: api.SpanKind.PRODUCER,
    attributes: { 'messaging.system': 'quantbot_bus', 'quantbot_bus.producer': producer },
  };
  return api.trace.getTracer('@quantbot/infra').startActiveSpan('quantbot_bus submit', options, async span => {
    try {
      return await work(attributes => span.setAttributes(attributes));
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: api.SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Returns the current trace: that of OpenTelemetry, or of `TRACEPARENT` in the environment. */
export function currentTrace(env: NodeJS.ProcessEnv = process.env): TraceContext {
  const carrier: Record<string, string> = {};
  const api = openTelemetry();
  api?.propagation.inject(api.context.active(), carrier);
  const { traceparent = env.TRACEPARENT, tracestate = env.TRACESTATE } = carrier;
  if (!isTraceparent(traceparent)) return {};
  return { traceparent, ...(tracestate && { tracestate }) };
}

/** Whether a text is a `traceparent`. Other values in a manifest are ignored. */
export const isTraceparent = (text: unknown): text is string =>
  typeof text === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text);
