import type { Manifest } from '@quantbot/infra';
import { isTraceparent, type TraceContext } from '@quantbot/infra/bus';

/** Returns the manifest's trace context, if valid. */
export function traceOf(manifest: Manifest | undefined): TraceContext | undefined {
  const { traceparent, tracestate } = manifest ?? {};
  if (!isTraceparent(traceparent)) return undefined;
  return { traceparent, ...(typeof tracestate === 'string' && { tracestate }) };
}
