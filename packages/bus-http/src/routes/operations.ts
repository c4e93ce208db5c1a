import type { HttpBindings } from '@hono/node-server';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { parseManifest } from '@quantbot/infra';
import { admitSender } from '../access/guard-access.js';
import type { HttpContext } from '../context.js';
import { answers } from '../openapi.js';
import { outcomeReader, outcomeRoute } from '../outcome.js';
import { manifestBody } from '../uploads/body.js';
import { operator, takeOperation } from '../uploads/take-job.js';

const operation = createRoute({
  method: 'post',
  path: '/api/v1/operations',
  summary: 'Asks for an operation, such as an alias or forgetting; the body is its manifest.json',
  responses: answers(z.strictObject({ jobId: z.string(), manifest: z.string() })),
});

const outcome = outcomeRoute(
  '/api/v1/operations/{jobId}/outcome',
  'What became of an operation: RECEIPT.json or REJECT_REASON.json, as text',
);

/** Adds operations. */
export function addOperations(app: OpenAPIHono, { bus, access }: HttpContext): void {
  app.openapi(operation, async c => {
    const caller = admitSender(access, c);
    const given = await manifestBody((c.env as HttpBindings).incoming);
    const manifest = await takeOperation(bus.inbox, given, caller.name);
    const { job_id: jobId, op } = parseManifest(given);
    bus.logger.info({ job: jobId, token: caller.name, op: op?.type }, 'an operation was asked for over HTTP');
    return c.json({ jobId, manifest: Buffer.from(manifest).toString('utf8') }, 200);
  });
  const outcomeOf = outcomeReader(bus.inbox);
  app.openapi(outcome, async c => {
    admitSender(access, c);
    return c.json(await outcomeOf(c.req.valid('param').jobId, producer => producer === operator), 200);
  });
}
