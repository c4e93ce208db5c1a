import * as z from 'zod';

/** A configured view of the published database. */
export const viewSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[^.]{1,100}\.[\s\S]{1,200}$/, 'must be a schema and a name, such as main.trades')
    .refine(name => !/^(_bus|_rows|catalog)\./i.test(name), "is in a schema that is the bus's own")
    .describe('Schema and name: `main.trades`.'),
  sql: z.string().min(1).describe('Exactly one SELECT over `canon.*`, `catalog.*` and the views before it.'),
});

/** A view of the published database that the configuration names. */
export interface ConfiguredView {
  /** `schema.view`. Everything after the first dot is the view's own name. */
  name: string;
  /** One SELECT. */
  sql: string;
}
