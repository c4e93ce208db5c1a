import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { jobSchema } from '@quantbot/dashboard/api';
import type { JobRecord } from '@quantbot/storage';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { answers, asOf, beforeSeqOf, committed, limitOf, sorted, textOf } from '../openapi.js';
import { wireJob } from '../wire.js';

/** The most folders of the inbox to examine for a list. */
const maxOpen = 200;

const filters = {
  run: z.string().optional(),
  producer: z.string().optional(),
  kind: z.string().optional(),
  code: z.string().optional().openapi({ description: 'The code of a rejection.' }),
  ...committed,
  text: textOf('ids, source, code or message'),
  before: z.coerce.number().int().min(0).optional().openapi({ description: 'Only before this seq: the next page.' }),
  asOf,
  ...sorted(['state', 'source', 'when', 'rows', 'artifacts', 'run', 'job']),
  limit: limitOf(500, 50),
};

const list = createRoute({
  method: 'get',
  path: '/api/v1/jobs',
  summary: 'Open jobs (on the first page, without filters), then settled jobs, newest first unless sorted',
  request: {
    query: z.strictObject({
      status: z.enum(['ingested', 'duplicate', 'rejected', 'dismissed']).optional(),
      ...filters,
    }),
  },
  responses: answers(z.strictObject({ jobs: z.array(jobSchema) })),
});

const jobParam = z.object({
  jobId: z
    .string()
    .max(200)
    .openapi({ param: { name: 'jobId', in: 'path' } }),
});

const one = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{jobId}',
  summary: 'A job in any state',
  request: { params: jobParam },
  responses: answers(jobSchema),
});

const retry = createRoute({
  method: 'post',
  path: '/api/v1/jobs/{jobId}/retry',
  summary: 'Puts a rejected or dismissed job back into the inbox, unchanged',
  request: { params: jobParam },
  responses: answers(z.strictObject({ jobId: z.string() })),
});

/** Adds jobs and their outcomes. */
export function addJobs(app: OpenAPIHono, context: HttpContext): void {
  const { bus } = context;
  app.openapi(list, async c => {
    const { run: runId, code: rejectCode, before, asOf: seq, limit, ...same } = c.req.valid('query');
    const wanted = { ...same, runId, rejectCode, beforeSeq: beforeSeqOf(before, seq) };
    const isFirstPage = Object.values(wanted).every(value => value === undefined);
    const open = isFirstPage ? (await bus.openJobs(maxOpen)).slice(0, limit) : [];
    const filter = { ...wanted, limit: limit - open.length };
    const settled = await context.reader.catalog({ ask: 'jobs', ...filter });
    const jobs = [...open.map(wireOpen), ...(await Promise.all(settled.map(job => withFolder(context, job))))];
    return c.json({ jobs }, 200);
  });
  app.openapi(one, async c => {
    const { jobId } = c.req.valid('param');
    const open = (await bus.openJobs(maxOpen)).find(job => job.jobId === jobId);
    if (open !== undefined) return c.json(wireOpen(open), 200);
    const job = await context.reader.catalog({ ask: 'job', jobId });
    return c.json(
      job === undefined ? refuse('JOB_NOT_FOUND', `The bus knows no job ${jobId}.`) : await withFolder(context, job),
      200,
    );
  });
  app.openapi(retry, async c => {
    const { jobId } = c.req.valid('param');
    // The id becomes a path only when the catalog has a job of that name.
    const job = await context.reader.catalog({ ask: 'job', jobId });
    if (job === undefined || !isRejection(job)) refuse('JOB_NOT_FOUND', `There is no rejected job ${jobId}.`);
    await bus.rejected.retry(job.jobId);
    bus.logger.info({ job: job.jobId }, 'a rejected job was submitted again over HTTP');
    return c.json({ jobId: job.jobId }, 200);
  });
}

const isRejection = ({ status }: JobRecord): boolean => status === 'rejected' || status === 'dismissed';

const wireOpen = ({ jobId, state, at }: { jobId: string; state: z.infer<typeof jobSchema>['state']; at: Date }) => ({
  jobId,
  state,
  at: at.toISOString(),
  settled: null,
  rejection: null,
});

/**
 * Returns a settled job with the details and the hint of its rejection, unless an operator removed
 * them or a newer rejection replaced them.
 */
async function withFolder({ bus }: HttpContext, job: JobRecord): Promise<z.infer<typeof jobSchema>> {
  if (!isRejection(job)) return wireJob(job, { canRetry: false });
  const entry = await bus.rejected.read(job.jobId);
  if (entry?.reason?.seq !== job.seq) return wireJob(job, { canRetry: false });
  const { details, hint } = entry.reason;
  return wireJob(job, { canRetry: entry.canRetry, details, hint });
}
