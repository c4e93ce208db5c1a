import { join } from 'node:path';
import { createRoute, z } from '@hono/zod-openapi';
import { isId } from '@quantbot/infra';
import { localOutcome, maxManifestBytes } from '@quantbot/infra/bus';
import { readLoneFile } from '@quantbot/infra/files';
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
export function outcomeReader(
  busRoot: string,
): (jobId: string, isTheirs: (producer: string | undefined) => boolean) => Promise<OutcomeAnswer> {
  const outcomes = localOutcome(busRoot);
  return async (jobId, isTheirs) => {
    const { receipt, reason } = await outcomes.read(jobId);
    return {
      receipt: receipt !== undefined && isTheirs(producerIn(receipt)) ? receipt : null,
      reason: reason !== undefined && isTheirs(rejectedProducer(busRoot, jobId)) ? reason : null,
      place: await outcomes.whereIs(jobId),
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

/** The producer of a rejected job, by its manifest. */
function rejectedProducer(busRoot: string, jobId: string): string | undefined {
  try {
    return producerIn(
      readLoneFile(join(busRoot, 'rejected', jobId, 'manifest.json'), maxManifestBytes).toString('utf8'),
    );
  } catch {
    return undefined; // a job without a manifest that can be read was not submitted over HTTP
  }
}
