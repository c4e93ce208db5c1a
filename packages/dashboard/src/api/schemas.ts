import { z } from '@hono/zod-openapi';
import { tableModeNames } from '@quantbot/infra/config';

/**
 * The schemas of the API's answers. `openapi.json` is generated from them, and a test compares the
 * answers with it.
 */

const time = z.iso.datetime().openapi({ description: 'ISO 8601, UTC.' });
const count = z.number().int().nonnegative();
const json = z.any().openapi({ description: 'Any JSON value.' });

export const errorSchema = z
  .strictObject({
    error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string(), details: z.array(z.string()) }),
  })
  .openapi('Error');

export const forgetPreviewSchema = z
  .strictObject({
    status: z.enum(['forgotten', 'protected', 'already_forgotten', 'unknown']),
    bytes: count.openapi({ description: 'Bytes that would go.' }),
    rows: z
      .enum(['kept', 'dropped'])
      .nullable()
      .openapi({ description: 'What would become of its rows in its canonical table; null without a table.' }),
    protectedBy: z.array(z.string()),
  })
  .openapi('ForgetPreview');

const columnsOfOne = z.array(z.strictObject({ name: z.string(), type: z.string() }));
const changed = z.record(z.string(), z.strictObject({ left: json.optional(), right: json.optional() }));
const differing = <S extends z.ZodType>(row: S) =>
  z.strictObject({ rows: count, shown: z.array(row).openapi({ description: 'The first of them.' }) });

export const diffSchema = z
  .strictObject({
    left: z.string(),
    right: z.string(),
    sameBytes: z.boolean(),
    equal: z.boolean().openapi({ description: 'Whether columns and rows are equal, in any order of rows.' }),
    schema: z.strictObject({
      onlyInLeft: columnsOfOne,
      onlyInRight: columnsOfOne,
      types: z.array(z.strictObject({ name: z.string(), left: z.string(), right: z.string() })),
    }),
    cut: z.array(z.string()).openapi({ description: 'Columns that are compared to the microsecond only.' }),
    rows: z.strictObject({
      leftRows: count,
      rightRows: count,
      onlyInLeft: differing(z.record(z.string(), json)),
      onlyInRight: differing(z.record(z.string(), json)),
      changed: differing(z.strictObject({ key: z.record(z.string(), json), columns: changed }))
        .nullable()
        .openapi({ description: 'Rows with the same key and other values; null without a key.' }),
    }),
    meta: changed,
    provenance: changed,
  })
  .openapi('Diff');

export const stateSchema = z.enum(['starting', 'running', 'paused']);

export const statusSchema = z
  .strictObject({
    version: z.string(),
    busRoot: z.string(),
    duckdbPath: z.string().nullable().openapi({ description: 'The published database; null on a cluster.' }),
    state: stateSchema,
    since: time,
    cause: z
      .strictObject({ code: z.string().nullable(), message: z.string() })
      .nullable()
      .openapi({ description: 'Why it pauses.' }),
    queue: z.strictObject({ inbox: count, claimed: count }),
    oldestJobAgeS: z.number().nonnegative(),
    lastSeq: count,
    lastCommittedAt: time.nullable(),
    jobs: z
      .strictObject({ ingested: count, duplicate: count, rejected: count, dismissed: count, done: count })
      .openapi({ description: 'A rejected job that was dismissed counts only as dismissed.' }),
    artifacts: count,
    rows: count,
    bytes: count,
    compactionDebt: count.nullable().openapi({ description: 'Commits that are not compacted yet; null on a cluster.' }),
    scrub: z
      .strictObject({ startedAt: time, endedAt: time.nullable(), files: count, bytes: count, totalBytes: count })
      .nullable()
      .openapi({ description: 'The newest scrub (search for damaged files); null before the first.' }),
    gc: z
      .strictObject({ endedAt: time, removed: count, bytes: count, totalBytes: count })
      .nullable()
      .openapi({ description: 'The last garbage collection, and the bytes that all freed; null before the first.' }),
    damage: z
      .array(z.strictObject({ code: z.string(), what: z.string(), detail: z.string() }))
      .openapi({ description: 'Damaged files, and tables that wait for one.' }),
    cluster: z
      .strictObject({ daemon: z.string(), publishes: z.boolean(), publishedSeq: count, daemons: count })
      .nullable()
      .openapi({
        description: 'This daemon of a cluster, what readers see, and how many daemons there are; null on one machine.',
      }),
  })
  .openapi('Status');

const use = { artifacts: count, bytes: count, lastDayBytes: count, lastWeekBytes: count };
const uses = (of: string) =>
  z.array(z.strictObject({ name: z.string(), ...use })).openapi({ description: `The largest ${of}, largest first.` });

export const spaceSchema = z
  .strictObject({
    total: z.strictObject(use).openapi({ description: 'All artifacts, and the bytes that came lately.' }),
    producers: uses('producers'),
    kinds: uses('kinds'),
    tables: uses('canonical tables, by the bytes of their artifacts'),
    disk: z
      .strictObject({ freeBytes: count.nullable(), minFreeBytes: count })
      .nullable()
      .openapi({ description: 'The disk of the bus; null on a cluster.' }),
  })
  .openapi('Space');

export const sampleSchema = z
  .strictObject({
    at: z.number().openapi({ description: 'When the sample ended, milliseconds since 1970.' }),
    jobs: count,
    rejected: count,
    bytes: count,
    queue: count,
    latencyMedianMs: z.number().nullable(),
    latencyP99Ms: z.number().nullable(),
  })
  .openapi('Sample');

export const jobSchema = z
  .strictObject({
    jobId: z.string(),
    state: z.enum(['uncommitted', 'waiting', 'claimed', 'ingested', 'duplicate', 'rejected', 'dismissed', 'done']),
    at: time,
    settled: z
      .strictObject({
        seq: count,
        runId: z.string().nullable(),
        producer: z.string().nullable(),
        kind: z.string().nullable(),
        artifacts: count,
        rows: count,
        bytes: count,
      })
      .nullable(),
    rejection: z
      .strictObject({
        code: z.string(),
        error: z.string(),
        hint: z.string(),
        details: z.array(z.string()),
        canRetry: z.boolean().openapi({ description: 'Whether its files are still there.' }),
        dismissed: z
          .strictObject({ at: time, note: z.string(), by: z.string().nullable() })
          .nullable()
          .openapi({ description: 'That it needs nothing more, and why; null if nobody said so.' }),
      })
      .nullable(),
  })
  .openapi('Job');

export const artifactSchema = z
  .strictObject({
    key: z.string(),
    seq: count,
    ordinal: count,
    jobId: z.string(),
    runId: z.string(),
    producer: z.string(),
    kind: z.string(),
    artifactId: z.string(),
    path: z.string(),
    rows: count,
    bytes: count,
    sha256: z.string(),
    schemaHint: z.string().nullable(),
    schema: z.array(
      z.strictObject({
        name: z.string(),
        type: z.string(),
        nullable: z.boolean(),
        as: z.string().optional().openapi({ description: 'The type as which the canonical table reads the column.' }),
        also: z.string().optional().openapi({ description: 'A wider type that holds each value exactly, too.' }),
      }),
    ),
    inputs: z.array(z.string()),
    meta: json.nullable(),
    provenance: json.nullable(),
    contentHash: z.string().nullable(),
    quarantined: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'Why it is, or was, in quarantine. null: it never was.' }),
    forgottenAt: time.nullable().openapi({ description: 'When its bytes were forgotten. null: they are there.' }),
    submittedAt: time,
    committedAt: time,
  })
  .openapi('Artifact');

export const runSchema = z
  .strictObject({
    runId: z.string(),
    producers: z.array(z.string()),
    kinds: z.array(z.string()),
    jobs: count,
    artifacts: count,
    rows: count,
    bytes: count,
    firstSeq: count,
    lastSeq: count,
    firstCommittedAt: time,
    lastCommittedAt: time,
  })
  .openapi('Run');

export const lineageSchema = z
  .strictObject({
    key: z.string(),
    inputs: z.array(z.string()),
    outputs: z.array(z.string()),
    edges: z.array(z.strictObject({ from: z.string(), to: z.string(), depth: count })),
    artifacts: z.array(artifactSchema),
  })
  .openapi('Lineage');

export const exportSchema = z
  .strictObject({
    name: z.string(),
    path: z.string(),
    ok: z.boolean().nullable().openapi({ description: 'Whether its last run succeeded; null before the first.' }),
    upToDate: z.boolean(),
    writtenAt: time.nullable(),
    lastRunAt: time.nullable(),
    durationMs: z.number().nullable(),
    rows: count.nullable(),
    bytes: count.nullable(),
    files: count.nullable(),
    asOfSeq: count.nullable(),
    error: z.string().nullable(),
  })
  .openapi('Export');

export const tableSchema = z
  .strictObject({
    name: z.string(),
    mode: z.enum(tableModeNames),
    key: z.array(z.string()),
    artifacts: count,
    artifactRows: count.openapi({
      description: 'Rows of all its artifacts. For an append table, this is its number of rows.',
    }),
    lastSeq: count,
    lastCommittedAt: time.nullable(),
    columns: z.array(
      z.strictObject({
        name: z.string(),
        type: z.string(),
        required: z.boolean(),
        fixedBy: z
          .string()
          .openapi({ description: 'Key of the artifact that set its type, bus_config.json, or a command.' }),
      }),
    ),
  })
  .openapi('Table');

export const tableChangeSchema = z
  .strictObject({
    seq: count,
    artifactKey: z.string(),
    at: time,
    changes: z.array(
      z.strictObject({
        column: z.string(),
        from: z.string().nullable().openapi({ description: 'Its previous type; null for a new column.' }),
        to: z.string(),
      }),
    ),
  })
  .openapi('TableChange');

export const answerSchema = z
  .strictObject({
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(json)),
    isCut: z.boolean().openapi({ description: 'Whether there are more rows than these.' }),
  })
  .openapi('Answer');

export const chartSchema = z.strictObject({ title: z.string(), sql: z.string() }).openapi('Chart');
