import * as z from 'zod';
import { storeObjectKey } from './bus-layout.js';
import { busError } from './errors.js';
import { artifactKeySchema, idSchema } from './id-schemas.js';
import { type ArtifactKeyParts, artifactKey } from './ids.js';
import { type Operation, operationSchema, operationTypes } from './operation.js';
import { schemaHintPattern, schemaHintRule } from './schema-hint.js';
import { JsonError, parseJsonStrictly } from './strict-json.js';

/** The largest manifest, in bytes. */
export const maxManifestBytes = 1024 * 1024;
/** The deepest nesting of JSON in a manifest. */
export const maxManifestDepth = 64;
/** The most artifacts of a job. */
export const maxArtifacts = 10_000;
/** The most inputs of a job. */
export const maxInputs = 10_000;
const utcPattern = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)?$/;

const jsonObject = z.record(z.string(), z.unknown());
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const formRule = 'must be given, or `object` on a bus that is on an object store; never both';

/**
 * One artifact of a job's manifest. In a folder it names a file by `relpath`, on an object store an
 * `object`.
 */
export const manifestArtifactSchema = z
  .looseObject({
    artifact_id: idSchema.describe('Names the artifact within its run, producer and kind.'),
    kind: idSchema.optional().describe('The kind of the artifact. The default is the kind of the job.'),
    format: z.literal('parquet').default('parquet'),
    relpath: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe('Path of the file inside the job folder, with forward slashes.'),
    object: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'Key of the object, on a bus that is on an object store: it follows from the key of the artifact and `sha256`.',
      ),
    schema_hint: z
      .string()
      .regex(schemaHintPattern, schemaHintRule)
      .optional()
      .describe('`canon.<table>` feeds a canonical table.'),
    rows: count.optional().describe("Number of rows; checked against the file's footer."),
    bytes: count.optional().describe('Size of the file in bytes; checked.'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')
      .optional()
      .describe('SHA-256 of the file; checked.'),
    meta: jsonObject.optional().describe('Stored unchanged.'),
  })
  .superRefine(({ relpath, object }, context) => {
    if ((relpath === undefined) === (object === undefined))
      context.addIssue({ code: 'custom', path: ['relpath'], message: formRule });
  })
  .meta({ oneOf: [{ required: ['relpath'] }, { required: ['object'] }] });

/**
 * The manifest of a job, version 1: the only definition of `manifest.json`. Unknown fields are
 * kept.
 */
export const manifestSchema = z
  .looseObject({
    manifest_version: z.literal(1).default(1),
    job_id: idSchema.describe("Equals the job folder's name."),
    run_id: idSchema.describe('The run that wrote the artifacts.'),
    producer: idSchema.describe('The program that wrote them.'),
    kind: idSchema.describe('The kind of the artifacts. An artifact may have its own.'),
    created_at_utc: z
      .string()
      .regex(utcPattern, 'must be ISO 8601 in UTC, such as 2026-01-31T12:00:00Z')
      .refine(isRealTime, 'must be a time that exists')
      .describe("The producer's clock, ISO 8601, UTC."),
    artifacts: z
      .array(manifestArtifactSchema)
      .min(1)
      .max(maxArtifacts)
      .describe('All become visible together, or none.'),
    inputs: z.array(artifactKeySchema).max(maxInputs).optional().describe('Keys of artifacts that this run read.'),
    provenance: jsonObject.optional().describe('Where the artifacts come from: commit, parameters, versions.'),
    meta: jsonObject.optional().describe('Stored unchanged.'),
    traceparent: z
      .unknown()
      .optional()
      .describe('The trace that the job belongs to (W3C Trace Context). An invalid one is ignored.'),
    tracestate: z.unknown().optional().describe('Additions of tracing systems.'),
  })
  .superRefine((manifest, context) => {
    const seen = new Set<string>();
    manifest.artifacts.forEach((artifact, index) => {
      const key = manifestArtifactKey(manifest, artifact);
      if (seen.has(key))
        context.addIssue({
          code: 'custom',
          path: ['artifacts', index, 'artifact_id'],
          message: `appears twice: ${key}`,
        });
      seen.add(key);
    });
  });

/** The manifest of a job that asks for an operation. */
export const operationManifestSchema = z.looseObject({
  ...manifestSchema.shape,
  artifacts: z.array(z.never()).max(0, 'an operation brings no artifacts').default([]),
  op: operationSchema,
});

/** JavaScript reads 30 February as 2 March, so compare the parsed time with the text. */
function isRealTime(text: string): boolean {
  const seconds = text.slice(0, 19).replace(' ', 'T');
  const time = new Date(`${seconds}Z`);
  return !Number.isNaN(time.getTime()) && time.getUTCDate() === Number(seconds.slice(8, 10));
}

type AnyManifest = z.infer<typeof manifestSchema> & { op?: Operation };
type AnyArtifact = z.infer<typeof manifestArtifactSchema>;

/** One artifact of a valid manifest: a file of the job's folder. */
export type ManifestArtifact = AnyArtifact & { relpath: string };
/** A valid manifest, as {@link parseManifest} returns it. */
export type Manifest = { artifacts: ManifestArtifact[] } & AnyManifest;
/** One artifact of a valid manifest on an object store. */
export type ObjectArtifact = AnyArtifact & { object: string; bytes: number; sha256: string };
/** A valid manifest on an object store, as {@link parseObjectManifest} returns it. */
export type ObjectManifest = { artifacts: ObjectArtifact[] } & AnyManifest;

/** The key of one of a manifest's artifacts. */
export function manifestArtifactKey(
  manifest: Pick<AnyManifest, 'run_id' | 'producer' | 'kind'>,
  artifact: Pick<AnyArtifact, 'artifact_id' | 'kind'>,
): string {
  return artifactKey(keyParts(manifest, artifact));
}

const keyParts = (
  manifest: Pick<AnyManifest, 'run_id' | 'producer' | 'kind'>,
  artifact: Pick<AnyArtifact, 'artifact_id' | 'kind'>,
): ArtifactKeyParts => ({
  runId: manifest.run_id,
  producer: manifest.producer,
  kind: artifact.kind ?? manifest.kind,
  artifactId: artifact.artifact_id,
});

/**
 * Parses and checks the bytes of a `manifest.json`.
 *
 * @throws BusError `TOO_LARGE`, `MANIFEST_INVALID` (one detail per problem), `OPERATION_UNKNOWN`.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const manifest = parseAnyManifest(bytes);
  const details = manifest.artifacts.flatMap(({ relpath }, index) =>
    relpath === undefined ? [`artifacts.${index}.object: this bus takes files: name one by relpath`] : [],
  );
  if (details.length > 0) throw invalid(details);
  return manifest as Manifest;
}

/**
 * `parseManifest` for the manifest of a job on an object store. Each artifact must have its
 * size and SHA-256, and name the object that follows from them and its key: so no job can name an
 * object of another.
 *
 * @throws as `parseManifest`.
 */
export function parseObjectManifest(bytes: Uint8Array): ObjectManifest {
  const manifest = parseAnyManifest(bytes);
  const details = manifest.artifacts.flatMap((artifact, index) =>
    objectProblems(manifest, artifact).map(problem => `artifacts.${index}.${problem}`),
  );
  if (details.length > 0) throw invalid(details);
  return manifest as ObjectManifest;
}

function objectProblems(manifest: AnyManifest, artifact: AnyArtifact): string[] {
  const { object, bytes, sha256 } = artifact;
  if (object === undefined) return ['relpath: this bus is on an object store: name an object'];
  const missing = Object.entries({ bytes, sha256 }).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (sha256 === undefined || missing.length > 0)
    return missing.map(name => `${name}: must be given on an object store`);
  const expected = storeObjectKey(keyParts(manifest, artifact), sha256);
  return object === expected ? [] : [`object: must be ${expected}`];
}

function parseAnyManifest(bytes: Uint8Array): AnyManifest {
  if (bytes.byteLength > maxManifestBytes)
    throw busError('TOO_LARGE', `manifest.json has ${bytes.byteLength} bytes; ${maxManifestBytes} are allowed.`);
  const json = parseStrictJson(bytes);
  if (isOperation(json))
    if (!operationTypes.includes((json as { op: { type?: unknown } | null }).op?.type))
      throw busError('OPERATION_UNKNOWN', `The operation ${describeOp(json)} is not known.`);
  const schema = isOperation(json) ? operationManifestSchema : manifestSchema;
  const parsed: z.ZodSafeParseResult<AnyManifest> = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(issue => `${issue.path.join('.') || 'manifest'}: ${issue.message}`));
}

const invalid = (details: string[]) =>
  busError('MANIFEST_INVALID', 'manifest.json does not follow the schema.', { details: details.slice(0, 20) });

const isOperation = (json: unknown): json is object =>
  typeof json === 'object' && json !== null && Object.hasOwn(json, 'op');

const describeOp = (json: object): string => String(JSON.stringify((json as { op: unknown }).op)).slice(0, 100);

function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    return parseJsonStrictly(bytes, maxManifestDepth);
  } catch (cause) {
    if (cause instanceof JsonError)
      throw busError('MANIFEST_INVALID', `manifest.json ${cause.message}.`, { cause, details: cause.details });
    throw cause;
  }
}
