import type { OpenAPIHono } from '@hono/zod-openapi';
import type { HttpContext } from '../context.js';

/** Adds `/healthz`, `/readyz` and `/metrics`, for monitoring. */
export function addProbes(app: OpenAPIHono, { bus, loop, metrics }: HttpContext): void {
  app.get('/healthz', c => {
    const { alive, state, stuckForMs } = loop.health;
    const body = alive
      ? { ok: true, state }
      : {
          ok: false,
          state,
          problem: `Nothing has moved for ${Math.round(stuckForMs / 1000)} s although there is work.`,
        };
    return c.json(body, alive ? 200 : 503);
  });
  app.get('/readyz', async c => {
    const { alive, state, cause } = loop.health;
    const checks = { running: state === 'running' && alive, ...(await bus.checks()) };
    const ok = Object.values(checks).every(Boolean);
    return c.json({ ok, state, checks, cause: cause ?? null }, ok ? 200 : 503);
  });
  app.get('/metrics', async c => {
    c.header('Content-Type', metrics.contentType);
    return c.body(await metrics.metrics());
  });
}
