import { createRoute, z } from '@hono/zod-openapi';
import { isId } from '@quantbot/infra';
import type { ServedInbox } from '@quantbot/infra/bus';
import { answers } from './openapi.js';

/** What became of a job, for a response. */
export interface OutcomeAnswer {
  receipt: string | null;
  reason: string | null;
  place: string;
}

/** Returns the route that tells what became of a job. */
export const outcomeRoute = <P extends string>(path: P, summary: string) =>
  createRoute({
    method: 'get',
    path,
    summary,
    request: {
      params: z.object({
        jobId: z
          .string()
          .refine(isId, 'is not an id')
          .openapi({ param: { name: 'jobId', in: 'path' } }),
      }),
    },
    responses: answers(
      z.strictObject({ receipt: z.string().nullable(), reason: z.string().nullable(), place: z.string() }),
    ),
  });

/** Returns a function that reads what became of a job, if its producer is one of the caller's. */
export function outcomeReader({
  outcome,
  rejectedManifest,
}: ServedInbox): (jobId: string, isTheirs: (producer: string | undefined) => boolean) => Promise<OutcomeAnswer> {
  // A job without a manifest that can be read was not submitted over HTTP.
  const rejectedProducer = async (jobId: string) => producerIn((await rejectedManifest(jobId))?.toString() ?? '');
  return async (jobId, isTheirs) => {
    const { receipt, reason } = await outcome.read(jobId);
    return {
      receipt: receipt !== undefined && isTheirs(producerIn(receipt)) ? receipt : null,
      reason: reason !== undefined && isTheirs(await rejectedProducer(jobId)) ? reason : null,
      place: await outcome.whereIs(jobId),
    };
  };
}

function producerIn(text: string): string | undefined {
  try {
    const { producer } = JSON.parse(text) as { producer?: unknown };
    return typeof producer === 'string' ? producer : undefined;
  } catch {
    return undefined;
  }
}
