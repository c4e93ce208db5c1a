import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeBothWorlds } from './support/world.js';

const exported = new InMemorySpanExporter();
const listener = fileURLToPath(new URL('../../e2e/test/support/notify-socket.py', import.meta.url));
const hasSystemd = [['systemd-notify'], ['python3']].every(
  ([command = '']) => !spawnSync(command, ['--version']).error,
);

let systemd: ChildProcess | undefined;
let heard = '';
const told = () => heard.split('\n').filter(Boolean);

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exported)] }));
  if (!hasSystemd) return;
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-notify-'));
  const socket = join(folder, 'socket');
  systemd = spawn('python3', [listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  systemd.stdout?.on('data', text => {
    heard += text;
  });
  await eventually(told, lines => lines.includes('listening'));
  vi.stubEnv('NOTIFY_SOCKET', socket);
  vi.stubEnv('WATCHDOG_USEC', '400000');
});

afterAll(async () => {
  context.disable();
  propagation.disable();
  trace.disable();
  vi.unstubAllEnvs();
  if (systemd === undefined) return;
  systemd.kill();
  await once(systemd, 'close');
});

describeBothWorlds(
  { export: { min_interval_s: 0, max_share: 1 } },
  async () => {},
  world => {
    test('a trace goes from the submission through the stages to the export', async () => {
      const { traceId } = await trace.getTracer('test').startActiveSpan('simulate', async span => {
        const job = await world().submit({ jobId: 'traced', select: 'SELECT 1 AS x', schemaHint: 'canon.ticks' });
        await job.settled();
        span.end();
        return span.spanContext();
      });
      const spans = await eventually(
        () => exported.getFinishedSpans().filter(span => span.spanContext().traceId === traceId),
        found => found.some(({ name }) => name === 'quantbot_bus export'),
      );
      const parentOf = (name: string) => {
        const parent = spans.find(span => span.name === `quantbot_bus ${name}`)?.parentSpanContext?.spanId;
        return spans.find(span => span.spanContext().spanId === parent)?.name;
      };
      expect(parentOf('submit')).toBe('simulate');
      expect(parentOf('ingest')).toBe('quantbot_bus submit');
      for (const stage of ['commit', 'publish', 'settle', 'export'])
        expect(parentOf(stage), stage).toBe('quantbot_bus ingest');
      const ingest = spans.find(({ name }) => name === 'quantbot_bus ingest');
      expect(ingest?.attributes).toMatchObject({ 'quantbot_bus.seq': 1, 'quantbot_bus.outcome': 'ingested' });
    });

    test.skipIf(!hasSystemd)('systemd hears that the daemon is ready and well, and that it ends', async () => {
      const count = (line: string) => told().filter(other => other === line).length;
      const [ends, starts] = [count('STOPPING=1'), count('READY=1')];
      expect(starts).toBeGreaterThan(ends);
      const watched = count('WATCHDOG=1');
      await eventually(
        () => count('WATCHDOG=1'),
        now => now > watched + 1,
      );
      await world().restart();
      await eventually(
        () => count('READY=1'),
        now => now === starts + 1,
      );
      expect(count('STOPPING=1')).toBe(ends + 1);
      expect(told()).toContain('STATUS=running');
    });

    test('the scrub and garbage collection run by themselves, and the status shows what they did', async () => {
      await (await world().submit({ jobId: 'kept', runId: 'kept', select: 'SELECT 1 AS x' })).settled();
      const upkeep = { scrub: { interval: 0.5 }, gc: { interval: 0.5, keep: 2 } };
      await world().restart({ ...upkeep, http: { listen: '127.0.0.1:0' } });
      const status = async () => JSON.parse(await world().done('status', '--json'));
      const damaged = async () => (await status()).scrub?.findings.map(({ code }: { code: string }) => code);
      await eventually(status, ({ gc, scrub }) => gc?.total_bytes > 0 && scrub?.last?.bytes > 0);
      const isStored = (path: string) => /store\/.*kept.*\.parquet$/.test(path);
      const [stored = ''] = readdirSync(world().folder, { recursive: true, encoding: 'utf8' }).filter(isStored);
      const flip = () => flipBit(join(world().folder, stored));
      flip();
      await eventually(damaged, found => found.includes('CHANGED'));
      expect(JSON.parse((await world().command('doctor', '--json')).stdout).findings).toContainEqual(
        expect.objectContaining({ code: 'FILE_DAMAGED', what: expect.stringContaining('kept') }),
      );
      expect(await world().done('status')).toMatch(/^damaged {3}.*kept/m);
      const page = await world().ask('/api/v1/status');
      expect(page.json).toMatchObject({ damage: [{ code: 'CHANGED' }], gc: { removed: expect.any(Number) } });
      flip();
      await eventually(damaged, found => found.length === 0);
      const { text } = await world().ask('/metrics');
      expect(text).toMatch(/quantbot_bus_damage_found_total\{code="CHANGED"\} 1/);
      expect(text).toMatch(/quantbot_bus_gc_removed_total\{kind="processed"\} [1-9]/);
    });
  },
  ['campaign'],
);
