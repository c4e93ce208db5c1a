import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runBatch } from '../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../test/support/in-process-bus.js';
import { claim } from '../writer/stages/claim.js';
import { discover } from '../writer/stages/discover.js';
import { verify } from '../writer/stages/verify.js';
import { oneMachine } from './one-machine.js';
import { traceJobs } from './tracing.js';

const exported = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exported)] }));
});
afterAll(() => {
  context.disable();
  propagation.disable();
  trace.disable();
});
beforeEach(() => exported.reset());

async function ingest({ bus }: InProcessBus): Promise<void> {
  await runBatch(bus, await verify(bus, (await claim(bus, await discover(bus))).jobs));
}

const spans = () => exported.getFinishedSpans();
const one = (name: string) => {
  const found = spans().filter(span => span.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as (typeof found)[number];
};

test('a trace goes from the submission through the stages to the export', async () => {
  const opened = await openInProcess();
  const { bus, test: testBus } = opened;
  await traceJobs(oneMachine(bus));
  await trace.getTracer('test').startActiveSpan('simulate', async span => {
    await submit(testBus, { runId: 'r', jobId: 'traced', schemaHint: 'canon.numbers', select: numbers(3) });
    span.end();
  });
  await ingest(opened);
  const run = { ok: true, seconds: 0.1, asOfSeq: 1, rows: 3, bytes: 10, error: null };
  bus.events.emit('export', { ...run, name: 'numbers' });
  bus.events.emit('export', { ...run, name: 'numbers' }); // contains no new rows of the job
  const { traceId } = one('simulate').spanContext();
  expect(new Set(spans().map(span => span.spanContext().traceId))).toEqual(new Set([traceId]));
  const parentOf = (name: string) => one(name).parentSpanContext?.spanId;
  expect(parentOf('quantbot_bus submit')).toBe(one('simulate').spanContext().spanId);
  expect(parentOf('quantbot_bus ingest')).toBe(one('quantbot_bus submit').spanContext().spanId);
  for (const stage of ['decide', 'store', 'commit', 'publish', 'settle', 'export'])
    expect(parentOf(`quantbot_bus ${stage}`), stage).toBe(one('quantbot_bus ingest').spanContext().spanId);
  expect(one('quantbot_bus ingest').attributes).toMatchObject({
    'quantbot_bus.job_id': 'traced',
    'quantbot_bus.seq': 1,
    'quantbot_bus.outcome': 'ingested',
    'quantbot_bus.rows': 3,
  });
});

test('a job without a trace, or with one that is none, is ingested without spans', async () => {
  const opened = await openInProcess();
  await traceJobs(oneMachine(opened.bus));
  for (const [jobId, traceparent] of [['plain'], ['number', 5], ['text', 'x'.repeat(1000)], ['list', []]] as const)
    writeToInbox(opened.test, { jobId, manifest: { traceparent }, files: {} });
  await ingest(opened);
  expect(opened.bus.journal.lastSeq).toBe(4);
  expect(spans()).toEqual([]);
});

test('a rejection is an error of its span', async () => {
  const opened = await openInProcess();
  await traceJobs(oneMachine(opened.bus));
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  writeToInbox(opened.test, {
    jobId: 'bad',
    manifest: { traceparent },
    files: { 'a.parquet': { content: 'no Parquet' } },
  });
  await ingest(opened);
  const span = one('quantbot_bus ingest');
  expect(span.spanContext().traceId).toBe('a'.repeat(32));
  expect(span.status.code).toBe(2);
  expect(span.attributes['error.type']).toBe('NOT_PARQUET');
});
