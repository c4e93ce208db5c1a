import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { version } from '@quantbot/bus-format/version';
import { errorSchema } from '@quantbot/dashboard/api';

const asJson = <S extends z.ZodType>(schema: S) => ({ 'application/json': { schema } });

/** The error responses of every route. */
export const failures = {
  default: { description: 'An error. docs/reference/errors.md explains the codes.', content: asJson(errorSchema) },
};

/** Returns the responses of a route: its result, or an error. */
export const answers = <S extends z.ZodType>(schema: S) => ({
  200: { description: 'The answer.', content: asJson(schema) },
  ...failures,
});

/** Returns the body of a request. */
export const body = <S extends z.ZodType>(schema: S) => ({ required: true, content: asJson(schema) });

const timeOf = (description: string) =>
  z.iso
    .datetime({ offset: true })
    .transform(text => new Date(text))
    .optional()
    .openapi({ type: 'string', format: 'date-time', description });

/** The parameters that select by the time of the commit. */
export const committed = {
  since: timeOf('Committed at or after. ISO 8601.'),
  until: timeOf('Committed before. ISO 8601.'),
};

/** Returns the schema of the parameter `text`. */
export const textOf = (where: string) =>
  z
    .string()
    .max(200)
    .optional()
    .openapi({ description: `Words, all of which must appear in ${where}, in any case.` });

/** The parameter that shows a list as it was. */
export const asOf = z.coerce
  .number()
  .int()
  .min(0)
  .optional()
  .openapi({ description: 'Only what was committed up to this seq.' });

/** Returns `beforeSeq` of a page of a list that is shown as of a seq. */
export const beforeSeqOf = (before: number | undefined, seq: number | undefined): number | undefined =>
  before ?? (seq === undefined ? undefined : seq + 1);

/** Returns the parameters of the order of a list, by columns of these names. */
export const sorted = <Name extends string>(names: readonly Name[]) => ({
  sort: z
    .enum(names.flatMap(name => [name, `-${name}`] as const))
    .optional()
    .openapi({ description: 'The column to sort by; with a minus, the greatest first. By default newest first.' }),
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .optional()
    .openapi({ description: 'With `sort`, how many to skip: the next page.' }),
});

/** Returns the schema of the parameter `limit`. */
export const limitOf = (max: number, preset: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(max)
    .default(preset)
    .openapi({ param: { name: 'limit', in: 'query' } });

/** Serves the description of the API. */
export function addDescription(app: OpenAPIHono): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  app.doc31('/api/v1/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Artifact bus',
      version,
      description:
        'What the daemon knows, for the dashboard and for programs. On the machine itself, read the published database instead, with no server between.',
    },
    security: [{ token: [] }, {}],
  });
}
