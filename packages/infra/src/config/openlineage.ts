import * as z from 'zod';
import { webhookProblem } from './notify.js';

/** The schema of `openlineage`. */
export const openLineageSchema = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .superRefine((url, context) => {
        // Only the daemon can check an address that comes from a variable.
        const problem = url.startsWith('${') ? undefined : webhookProblem(url.replace(/\$\{\w+\}/g, '1'));
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .describe(
        `The whole address that events are posted to: \`https://lineage.lan/api/v1/lineage\`. \${NAME} is an environment variable.`,
      ),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be the name of a header'),
        z.string().regex(/^[^\r\n\0]*$/, 'must be one line'),
      )
      .default({})
      .describe(`Headers of each request. \${NAME} is an environment variable.`),
    namespace: z.string().min(1).max(200).default('quantbot-bus').describe('The namespace of jobs and datasets.'),
    timeout_s: z.number().positive().max(3600).default(10).describe('How long one request may take.'),
  })
  .nullable()
  .default(null)
  .describe('Posts OpenLineage events of each committed job. null: posts nothing.');

/** Where OpenLineage events go. `${NAME}` still stands for variables. */
export interface OpenLineageConfig {
  url: string;
  headers: Record<string, string>;
  namespace: string;
  timeoutMs: number;
}

/** Resolves `openlineage`. */
export const resolveOpenLineage = (file: z.infer<typeof openLineageSchema>): OpenLineageConfig | undefined =>
  file === null
    ? undefined
    : {
        url: file.url,
        headers: file.headers,
        namespace: file.namespace,
        timeoutMs: Math.round(file.timeout_s * 1000),
      };
