import * as z from 'zod';
import { type BusError, busError } from '../errors.js';
import { artifactKeySchema, idSchema } from '../id-schemas.js';
import { artifactKey } from '../ids.js';
import { maxArtifacts, maxInputs } from '../manifest.js';
import { schemaHintProblem } from '../schema-hint.js';
import { jsonProblem } from './json-problem.js';

/** How the file enters the bus: `copy` leaves it in place, `move` gives it away. */
export type Transfer = 'copy' | 'move';

/** The options of a job, independent of its artifacts. */
export interface JobOptions {
  /** The run that wrote the artifacts. */
  runId: string;
  /** The program that wrote them. */
  producer: string;
  /** What they are. */
  kind: string;
  /** Keys (`run_id/producer/kind/artifact_id`) of artifacts that the run read: its lineage. */
  inputs?: readonly string[];
  /** The origin of the artifacts: commit, parameters, versions. Kept unchanged. */
  provenance?: Record<string, unknown>;
  /** Names the job. A retry with the same id is idempotent. By default a new id. */
  jobId?: string;
  /**
   * The bus's folder, its object store (`s3://bucket/prefix` or `file:///folder`), or the server of
   * its daemon (`https://bus.lan:7171`, with the token in `QUANTBOT_BUS_TOKEN`). By default
   * `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, or `data/bus`.
   */
  busRoot?: string;
  /** `copy` (default) or `move`. */
  transfer?: Transfer;
}

/** One artifact of a job. */
export interface ArtifactOptions {
  /** Names the artifact within its run, producer and kind. */
  artifactId: string;
  /** The Parquet file to submit. */
  parquetPath: string;
  /**
   * `canon.<table>` makes the artifact part of a canonical table; other hints are recorded only.
   */
  schemaHint?: string;
  /** Number of rows, checked against the file; filled in when absent. */
  rows?: number;
  /**
   * Any JSON value, kept unchanged. Values that JSON would change are refused with their path: NaN,
   * an infinity, a bigint, a Map, a Set, an instance of a class without `toJSON`. -0 becomes 0.
   */
  meta?: Record<string, unknown>;
}

/** The options of `submitArtifact`. */
export interface SubmitArtifactOptions extends JobOptions, ArtifactOptions {}

/** The options of `submitArtifacts`. */
export interface SubmitArtifactsOptions extends JobOptions {
  /** They become visible together, or not at all. Each may have its own kind. */
  artifacts: readonly (ArtifactOptions & { kind?: string; transfer?: Transfer })[];
  /** Metadata of the whole job, kept unchanged. */
  meta?: Record<string, unknown>;
}

const transfer = z.enum(['copy', 'move']);
const jsonObject = z.record(z.string(), z.unknown()).superRefine((value, context) => {
  const problem = jsonProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
});

const optionsSchema = z
  .strictObject({
    runId: idSchema,
    producer: idSchema,
    kind: idSchema,
    inputs: z.array(artifactKeySchema).max(maxInputs).optional(),
    provenance: jsonObject.optional(),
    jobId: idSchema.optional(),
    busRoot: z.string().min(1).optional(),
    transfer: transfer.optional(),
    meta: jsonObject.optional(),
    artifacts: z
      .array(
        z.strictObject({
          artifactId: idSchema,
          parquetPath: z.string().min(1),
          kind: idSchema.optional(),
          schemaHint: z
            .string()
            .superRefine((hint, context) => {
              const message = schemaHintProblem(hint);
              if (message !== undefined) context.addIssue({ code: 'custom', message });
            })
            .optional(),
          rows: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
          meta: jsonObject.optional(),
          transfer: transfer.optional(),
        }),
      )
      .min(1)
      .max(maxArtifacts),
  })
  .superRefine(({ runId, producer, kind, artifacts }, context) => {
    const seen = new Set<string>();
    for (const [index, artifact] of artifacts.entries()) {
      const key = artifactKey({ runId, producer, kind: artifact.kind ?? kind, artifactId: artifact.artifactId });
      if (seen.has(key))
        context.addIssue({ code: 'custom', path: ['artifacts', index], message: `appears twice: ${key}` });
      seen.add(key);
    }
  });

const idFields = new Set(['runId', 'producer', 'kind', 'jobId', 'artifactId', 'inputs']);

/**
 * Checks the options of a call, all at once.
 *
 * @throws BusError `ID_INVALID` when only ids are wrong, `OPTIONS_INVALID` otherwise.
 */
export function checkOptions(options: SubmitArtifactsOptions): void {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw invalidOptions(parsed.error);
}

function invalidOptions(error: z.ZodError): BusError {
  const details = error.issues.map(issue => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  const onlyIds = error.issues.every(
    ({ path }) =>
      !path.some(step => step === 'meta' || step === 'provenance') && path.some(step => idFields.has(String(step))),
  );
  const what = details.length === 1 ? details[0] : `${details.length} options are not valid: ${details.join('; ')}`;
  return busError(onlyIds ? 'ID_INVALID' : 'OPTIONS_INVALID', `${what}.`, { details });
}
