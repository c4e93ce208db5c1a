import * as z from 'zod';

/** A line chart on the dashboard. */
export const chartSchema = z.strictObject({
  title: z.string().min(1).max(200).describe('Its heading.'),
  sql: z
    .string()
    .min(1)
    .describe(
      'Exactly one SELECT over `canon.*` and `catalog.*`: the first column is x, the second y, a third names the line.',
    ),
});

/** A line chart on the dashboard. */
export type Chart = z.infer<typeof chartSchema>;
