import { isTraceparent, type Manifest, type TraceContext } from '@quantbot/infra';

/** Returns the manifest's trace context, if valid. */
export function traceOf(manifest: Manifest | undefined): TraceContext | undefined {
  const { traceparent, tracestate } = manifest ?? {};
  if (!isTraceparent(traceparent)) return undefined;
  return { traceparent, ...(typeof tracestate === 'string' && { tracestate }) };
}
