import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { identifier, literal } from '@quantbot/bus-format';
import {
  answerSchema,
  artifactSchema,
  diffSchema,
  forgetPreviewSchema,
  lineageSchema,
  runSchema,
} from '@quantbot/dashboard/api';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { answers, asOf, beforeSeqOf, body, committed, limitOf, sorted, textOf } from '../openapi.js';
import { profileOf } from '../profile.js';
import { storedArtifact } from '../stored-artifact.js';
import { whileHere } from '../while-here.js';
import { wireArtifact, wireRun } from '../wire.js';

const byKey = { key: z.string().max(1000).openapi({ description: '`run_id/producer/kind/artifact_id`.' }) };

const runs = createRoute({
  method: 'get',
  path: '/api/v1/runs',
  summary: 'Runs, newest first unless sorted',
  request: {
    query: z.strictObject({
      run: z.string().optional(),
      text: textOf('id, producers or kinds'),
      before: z.coerce.number().int().min(0).optional(),
      ...sorted(['run', 'when', 'artifacts', 'rows', 'size']),
      limit: limitOf(500, 50),
    }),
  },
  responses: answers(z.strictObject({ runs: z.array(runSchema) })),
});

const artifacts = createRoute({
  method: 'get',
  path: '/api/v1/artifacts',
  summary: 'Artifacts, newest first unless sorted',
  request: {
    query: z.strictObject({
      key: z.string().optional(),
      run: z.string().optional(),
      producer: z.string().optional(),
      kind: z.string().optional(),
      artifact: z.string().optional(),
      ...committed,
      quarantined: z
        .enum(['yes', 'no'])
        .optional()
        .openapi({ description: 'Only artifacts that are, or were, in quarantine; or only the others.' }),
      text: textOf('key, schema hint or `meta`. `meta.name=value` compares one field of `meta`'),
      before: z.coerce.number().int().min(0).optional(),
      beforeOrdinal: z.coerce
        .number()
        .int()
        .min(0)
        .optional()
        .openapi({ description: 'With `before`, seq and ordinal of the last artifact of a page: the next page.' }),
      asOf,
      ...sorted(['artifact', 'source', 'when', 'rows', 'size', 'run']),
      limit: limitOf(1000, 50),
    }),
  },
  responses: answers(z.strictObject({ artifacts: z.array(artifactSchema) })),
});

const lineage = createRoute({
  method: 'get',
  path: '/api/v1/lineage',
  summary: 'The inputs of an artifact, and the artifacts computed from it',
  request: { query: z.strictObject({ ...byKey, depth: z.coerce.number().int().min(1).max(8).default(2) }) },
  responses: answers(lineageSchema),
});

const preview = createRoute({
  method: 'get',
  path: '/api/v1/preview',
  summary: 'The first rows of an artifact',
  request: { query: z.strictObject({ ...byKey, limit: limitOf(200, 50) }) },
  responses: answers(answerSchema),
});

const profile = createRoute({
  method: 'get',
  path: '/api/v1/profile',
  summary:
    'Column, type, NULLs (%), distinct values (about), least, greatest, average and histogram of an artifact or a table',
  request: {
    query: z
      .object({ key: byKey.key.optional(), table: z.string().max(255).optional() })
      .refine(({ key, table }) => (key === undefined) !== (table === undefined), 'key or table'),
  },
  responses: answers(answerSchema),
});

const forgetPreview = createRoute({
  method: 'get',
  path: '/api/v1/forget-preview',
  summary: 'What would become of an artifact if it was forgotten now, without force',
  request: { query: z.strictObject(byKey) },
  responses: answers(forgetPreviewSchema),
});

const diff = createRoute({
  method: 'post',
  path: '/api/v1/diff',
  summary: 'What differs between two artifacts: columns, rows, `meta` and provenance; at most 60 s',
  request: {
    body: body(
      z.strictObject({
        left: byKey.key,
        right: byKey.key,
        key: z
          .array(z.string())
          .max(100)
          .default([])
          .openapi({ description: 'Columns that identify a row. They tell changed rows from new ones.' }),
        limit: z.number().int().min(1).max(1000).default(50).openapi({ description: 'Rows of each kind to show.' }),
      }),
    ),
  },
  responses: answers(diffSchema),
});

/** A comparison may be silent for longer than other requests. */
const silentMs = 120_000;

/** Adds runs, artifacts and lineage. */
export function addArtifacts(app: OpenAPIHono, { bus, reader }: HttpContext): void {
  app.openapi(runs, async c => {
    const { run: runId, before: beforeSeq, ...same } = c.req.valid('query');
    const found = await reader.catalog({ ask: 'runs', ...same, runId, beforeSeq });
    return c.json({ runs: found.map(wireRun) }, 200);
  });
  app.openapi(artifacts, async c => {
    const { run: runId, artifact: artifactId, before, asOf: seq, quarantined: only, ...same } = c.req.valid('query');
    const beforeSeq = beforeSeqOf(before, seq);
    const quarantined = only === undefined ? undefined : only === 'yes';
    const found = await reader.catalog({ ask: 'artifacts', ...same, runId, artifactId, beforeSeq, quarantined });
    return c.json({ artifacts: found.map(wireArtifact) }, 200);
  });
  app.openapi(lineage, async c => {
    const { key, depth } = c.req.valid('query');
    const found = await reader.catalog({ ask: 'lineage', key, depth });
    return c.json({ key, ...found, artifacts: found.artifacts.map(wireArtifact) }, 200);
  });
  app.openapi(preview, async c => {
    const { key, limit } = c.req.valid('query');
    const { path: file } = await storedArtifact(reader, key);
    const sql = `FROM read_parquet(${literal(file)})`;
    return c.json(await whileHere(c, left => reader.select(sql, limit, left, { file })), 200);
  });
  app.openapi(forgetPreview, async c => {
    const found = await bus.previewForget(c.req.valid('query').key);
    const { status = 'unknown' as const, bytes = 0, rows = null, protected_by: protectedBy = [] } = found ?? {};
    return c.json({ status, bytes, rows, protectedBy }, 200);
  });
  app.openapi(diff, async c => {
    const { left, right, ...options } = c.req.valid('json');
    const one = await storedArtifact(reader, left);
    const other = await storedArtifact(reader, right);
    return c.json(await whileHere(c, gone => reader.diff(one, other, options, gone), { silentMs }), 200);
  });
  app.openapi(profile, async c => {
    const { key, table } = c.req.valid('query');
    if (key !== undefined) {
      const { path } = await storedArtifact(reader, key);
      const from = `read_parquet(${literal(path)})`;
      return c.json(await whileHere(c, left => profileOf(reader, from, left, path)), 200);
    }
    if (!(await bus.tables()).some(({ name }) => name === table))
      refuse('TABLE_NOT_FOUND', `There is no table canon.${table}.`);
    return c.json(await whileHere(c, left => profileOf(reader, `canon.${identifier(table ?? '')}`, left)), 200);
  });
}
