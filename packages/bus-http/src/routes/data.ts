import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { tableHistory } from '@quantbot/bus-format/canon';
import { answerSchema, tableChangeSchema, tableSchema } from '@quantbot/dashboard/api';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { answers, body } from '../openapi.js';
import { whileHere } from '../while-here.js';

const tables = createRoute({
  method: 'get',
  path: '/api/v1/tables',
  summary: 'The canonical tables with their columns',
  responses: answers(z.strictObject({ tables: z.array(tableSchema) })),
});

const history = createRoute({
  method: 'get',
  path: '/api/v1/tables/{table}/history',
  summary: 'The column changes of a canonical table, oldest first',
  request: { params: z.object({ table: z.string().openapi({ param: { name: 'table', in: 'path' } }) }) },
  responses: answers(z.strictObject({ changes: z.array(tableChangeSchema) })),
});

const query = createRoute({
  method: 'post',
  path: '/api/v1/query',
  summary: 'The first rows of one read-only SELECT over canon.* and catalog.*; at most 10 s and 4 MB',
  request: {
    body: body(
      z.strictObject({
        sql: z.string().min(1).max(20_000),
        limit: z.number().int().min(1).max(10_000).default(200),
        asOf: z.number().int().min(0).optional().openapi({ description: 'As of the job with this seq.' }),
      }),
    ),
  },
  responses: answers(answerSchema),
});

/** A SELECT of a program, with parameters as the JSON text of `encodeValue`. */
export const questionShape = {
  sql: z.string().min(1).max(20_000),
  params: z.string().optional(),
  asOf: z.number().int().min(0).optional(),
};

const rows = createRoute({
  method: 'post',
  path: '/api/v1/rows',
  summary:
    'All rows of one read-only SELECT with exact values, for openCatalog; at most 20 s and 4 MB. See rows.parquet',
  request: {
    body: body(
      z.strictObject({
        ...questionShape,
        mapping: z
          .strictObject({
            int64: z.enum(['number', 'bigint']),
            decimal: z.enum(['string', 'number']),
            timestamp: z.enum(['date', 'micros', 'nanos']),
          })
          .partial()
          .default({}),
      }),
    ),
  },
  responses: answers(z.strictObject({ names: z.array(z.string()), rows: z.array(z.array(z.unknown())) })),
});

/** Adds tables, and SQL over them. */
export function addData(app: OpenAPIHono, { bus, reader }: HttpContext): void {
  app.openapi(tables, async c => {
    const rows = new Map((await reader.catalog({ ask: 'tables' })).map(row => [row.table_name as string, row]));
    const found = (await bus.tables()).map(({ name, mode, key, columns }) => {
      const row = rows.get(name);
      return {
        name,
        mode,
        key: [...key],
        artifacts: Number(row?.artifacts ?? 0),
        artifactRows: Number(row?.artifact_rows ?? 0),
        lastSeq: Number(row?.last_seq ?? 0),
        lastCommittedAt: (row?.last_committed_at as Date | null | undefined)?.toISOString() ?? null,
        columns: columns.map(({ name, type, required, fixedBy }) => ({ name, type, required, fixedBy })),
      };
    });
    return c.json({ tables: found }, 200);
  });
  app.openapi(history, async c => {
    const { table } = c.req.valid('param');
    if (!(await bus.tables()).some(({ name }) => name === table))
      refuse('TABLE_NOT_FOUND', `There is no table canon.${table}.`);
    const changes = tableHistory(table, await bus.schemas(), bus.config.canon.tables, await bus.retypes());
    return c.json(
      { changes: changes.map(({ at, ...change }) => ({ ...change, at: new Date(at).toISOString() })) },
      200,
    );
  });
  app.openapi(query, async c => {
    const { sql, limit, asOf } = c.req.valid('json');
    return c.json(await whileHere(c, left => reader.select(sql, limit, left, { asOf })), 200);
  });
  app.openapi(rows, async c => {
    const text = await whileHere(c, left => reader.rows(c.req.valid('json'), left));
    return c.body(text, 200, { 'Content-Type': 'application/json' }) as never;
  });
}
