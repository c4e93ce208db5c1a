import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startServing } from '../support/http.js';

interface Ready {
  ok: boolean;
  state: string;
  checks: Record<string, boolean>;
  cause: { code: string } | null;
}

test('a daemon that pauses for the machine’s sake is alive, not ready, and ready again by itself', async () => {
  const bus = makeTestBus();
  const { send } = await startServing(bus);
  const readyz = async () => {
    const { status, text } = await send('GET', '/readyz');
    return { status, ...(JSON.parse(text) as Ready) };
  };
  const running = await eventually(readyz, ({ status }) => status === 200);
  expect(running).toMatchObject({ ok: true, state: 'running', checks: { lock: true, running: true, published: true } });
  renameSync(bus.layout.store, `${bus.layout.store}.away`);
  writeFileSync(bus.layout.store, 'in the way');
  const submission = await submit(bus);
  const paused = await eventually(readyz, ({ status }) => status === 503);
  expect(paused).toMatchObject({ ok: false, state: 'paused', checks: { lock: true, running: false } });
  expect(paused.cause?.code).toMatch(/ENOTDIR|EEXIST/);
  const health = await send('GET', '/healthz');
  expect([health.status, health.json()]).toEqual([200, { ok: true, state: 'paused' }]);
  const scraped = (await send('GET', '/metrics')).text;
  expect(scraped).toContain('quantbot_bus_state{state="paused"} 1');
  rmSync(bus.layout.store);
  renameSync(`${bus.layout.store}.away`, bus.layout.store);
  expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
  await eventually(readyz, ({ status }) => status === 200);
});

test('without a published database a daemon is not ready, until it has made another one', async () => {
  const bus = makeTestBus();
  const { send } = await startServing(bus);
  const ready = () =>
    eventually(
      async () => (await send('GET', '/readyz')).status,
      status => status === 200,
    );
  await ready();
  rmSync(bus.config.duckdbPath);
  mkdirSync(bus.config.duckdbPath); // nothing can be published there
  const answer = await send('GET', '/readyz');
  expect(answer.json()).toMatchObject({ ok: false, state: 'running', checks: { lock: true, published: false } });
  expect(answer.status).toBe(503);
  rmSync(bus.config.duckdbPath, { recursive: true });
  await ready();
});
