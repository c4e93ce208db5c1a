import { z } from 'zod';

/** A time in seconds, up to a day. */
export const seconds = z.number().positive().max(86_400);
/** The name of an export or canonical table. */
export const tableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain identifier of at most 63 characters');

/** Reports names that occur twice in a list. */
export function tellTwice(names: readonly string[], context: z.RefinementCtx): void {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `is there twice: ${name}` });
}
