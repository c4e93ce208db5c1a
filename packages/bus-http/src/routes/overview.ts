import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { GcState, ScrubState } from '@quantbot/bus-format/state';
import { version } from '@quantbot/bus-format/version';
import { chartSchema, exportSchema, sampleSchema, spaceSchema, statusSchema } from '@quantbot/dashboard/api';
import type { HttpContext } from '../context.js';
import { sampleMs } from '../metrics/history.js';
import { answers } from '../openapi.js';
import type { VisibleCluster } from '../view/visible-bus.js';
import { wireExport } from '../wire.js';

const status = createRoute({
  method: 'get',
  path: '/api/v1/status',
  summary: 'The state of the daemon, the queue, and totals of the bus',
  responses: answers(statusSchema),
});

const history = createRoute({
  method: 'get',
  path: '/api/v1/history',
  summary: 'The last hour in samples of five seconds, oldest first; samples begin when the daemon starts',
  responses: answers(z.strictObject({ sampleMs: z.number(), samples: z.array(sampleSchema) })),
});

const exports = createRoute({
  method: 'get',
  path: '/api/v1/exports',
  summary: 'The golden exports, their freshness and their last result',
  responses: answers(z.strictObject({ exports: z.array(exportSchema) })),
});

const space = createRoute({
  method: 'get',
  path: '/api/v1/space',
  summary: 'Who uses the store: bytes by producer, kind and table, and their growth',
  responses: answers(spaceSchema),
});

const charts = createRoute({
  method: 'get',
  path: '/api/v1/charts',
  summary: 'The line charts of the configuration (http.charts)',
  responses: answers(z.strictObject({ charts: z.array(chartSchema) })),
});

/** Adds status, history, exports, space and charts. */
export function addOverview(app: OpenAPIHono, context: HttpContext): void {
  app.openapi(status, async c => c.json(await statusOf(context), 200));
  app.openapi(history, c => c.json({ sampleMs, samples: [...context.history.samples] }, 200));
  app.openapi(exports, async c => c.json({ exports: (await context.loop.exports()).map(wireExport) }, 200));
  app.openapi(space, async c => c.json(await spaceOf(context), 200));
  app.openapi(charts, c => c.json({ charts: context.bus.config.http.charts }, 200));
}

/** Returns the response of `/api/v1/status`. */
export async function statusOf({ bus, loop, gauges }: HttpContext): Promise<z.infer<typeof statusSchema>> {
  const { state, sinceMs, cause } = loop.health;
  const { lastCommittedAtMs, ...counts } = await bus.totals();
  const scrub = await bus.scrub();
  return {
    version,
    busRoot: bus.root,
    duckdbPath: bus.machine === undefined ? null : bus.config.duckdbPath,
    state,
    since: new Date(sinceMs).toISOString(),
    cause: cause ?? null,
    queue: await gauges.queue(),
    oldestJobAgeS: gauges.oldestJobAgeS(),
    lastSeq: bus.lastSeq,
    lastCommittedAt: lastCommittedAtMs === undefined ? null : new Date(lastCommittedAtMs).toISOString(),
    ...counts,
    compactionDebt: bus.machine?.hotCommits ?? null,
    scrub: scrubOf(scrub),
    gc: gcOf(await bus.gc()),
    damage: [
      ...loop.waitingTables.map(({ table, code, message }) => ({ code, what: `canon.${table}`, detail: message })),
      ...(scrub?.findings ?? []).map(({ code, what, detail }) => ({ code, what, detail })),
    ],
    cluster: await clusterOf(bus.cluster),
  };
}

async function spaceOf({ bus, gauges }: HttpContext): Promise<z.infer<typeof spaceSchema>> {
  const { firstCommittedAt: _, ...space } = await gauges.space();
  const disk = bus.machine?.disk();
  return { ...space, disk: disk === undefined ? null : { ...disk, freeBytes: disk.freeBytes ?? null } };
}

async function clusterOf(cluster: VisibleCluster | undefined): Promise<z.infer<typeof statusSchema>['cluster']> {
  if (cluster === undefined) return null;
  const { daemon, publishes } = cluster;
  return { daemon, publishes, publishedSeq: await cluster.publishedSeq(), daemons: await cluster.daemons() };
}

function scrubOf(state: ScrubState | undefined): z.infer<typeof statusSchema>['scrub'] {
  if (state === undefined) return null;
  const { started_at, ended_at, bytes, total_bytes, files } = state;
  return { startedAt: started_at, endedAt: ended_at, files, bytes, totalBytes: Math.max(bytes, total_bytes) };
}

function gcOf(state: GcState | undefined): z.infer<typeof statusSchema>['gc'] {
  if (state === undefined) return null;
  const { ended_at, removed, bytes, total_bytes } = state;
  const all = Object.values(removed).reduce((sum, count) => sum + count, 0);
  return { endedAt: ended_at, removed: all, bytes, totalBytes: total_bytes };
}
