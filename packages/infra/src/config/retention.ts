import * as z from 'zod';
import { idSchema } from '../id-schemas.js';
import { byteCount, bytesOf, duration, durationMs, tellTwice } from './parts.js';

const ruleSchema = z
  .strictObject({
    name: idSchema
      .optional()
      .describe('Its name, for `quantbot-bus forget --rule`. The default is `<producer>.<kind>`.'),
    producer: idSchema.optional().describe('Only artifacts of this producer.'),
    kind: idSchema.optional().describe('Only artifacts of this kind.'),
    keep_last: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe('Only this many artifacts stay of each producer, kind and artifact id: the newest.'),
    max_age_days: z.number().positive().max(36_500).optional().describe('Artifacts that are older go.'),
    max_bytes: byteCount
      .optional()
      .describe('The oldest go until the artifacts of the rule have at most this many bytes together: `200 GB`.'),
  })
  .refine(
    ({ keep_last, max_age_days, max_bytes }) => [keep_last, max_age_days, max_bytes].some(limit => limit !== undefined),
    'needs keep_last, max_age_days or max_bytes',
  );

/** The settings of `bus_config.json` about retention. */
export const retentionShape = {
  retention: z
    .array(ruleSchema)
    .max(200)
    .default([])
    .superRefine((rules, context) => tellTwice(rules.map(nameOf), context))
    .describe('Rules for which artifacts are forgotten. An artifact goes if any limit of a rule says so.'),
  retention_interval: duration
    .nullable()
    .default('1h')
    .describe('How often the daemon applies them: 1h, 7d; null: only `quantbot-bus forget --rule` does.'),
};

/** One rule: an artifact goes if any of its limits says so. */
export interface RetentionRule {
  name: string;
  producer: string | undefined;
  kind: string | undefined;
  keepLast: number | undefined;
  maxAgeMs: number | undefined;
  maxBytes: number | undefined;
}

/** The rules, and how often the daemon applies them. */
export interface Retention {
  /** Undefined: never. */
  intervalMs: number | undefined;
  rules: RetentionRule[];
}

const nameOf = ({ name, producer, kind }: z.infer<typeof ruleSchema>): string =>
  name ?? `${producer ?? 'all'}.${kind ?? 'all'}`;

const dayMs = 86_400_000;

/** Returns the rules as programs use them. */
export const retentionOf = ({
  retention,
  retention_interval: interval,
}: {
  retention: z.infer<typeof ruleSchema>[];
  retention_interval: z.infer<typeof duration> | null;
}): Retention => ({
  intervalMs: interval === null ? undefined : durationMs(interval),
  rules: retention.map(rule => ({
    name: nameOf(rule),
    producer: rule.producer,
    kind: rule.kind,
    keepLast: rule.keep_last,
    maxAgeMs: rule.max_age_days === undefined ? undefined : rule.max_age_days * dayMs,
    maxBytes: rule.max_bytes === undefined ? undefined : bytesOf(rule.max_bytes),
  })),
});
