import type { HttpBindings } from '@hono/node-server';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { identifier } from '@quantbot/bus-format/sql';
import { arrowType } from '@quantbot/storage/sandbox';
import type { Context } from 'hono';
import type { Question } from '../answers.js';
import type { HttpContext } from '../context.js';
import { contentOf } from '../files/open-file.js';
import { parquetType, patienceMs } from '../files/send-file.js';
import { streamPart } from '../files/stream.js';
import { refuse } from '../http-error.js';
import { body, failures } from '../openapi.js';
import { whileHere } from '../while-here.js';
import { questionShape } from './data.js';

const parquetAnswer = {
  200: {
    description: 'The rows. The metadata `quantbot.columns` of the file has the names and types of the query.',
    content: { [parquetType]: { schema: z.any().openapi({ type: 'string', format: 'binary' }) } },
  },
  ...failures,
};

const rowsFile = createRoute({
  method: 'post',
  path: '/api/v1/rows.parquet',
  summary: 'All rows of one read-only SELECT as a Parquet file; at most 240 s and http.max_answer_bytes',
  request: { body: body(z.strictObject(questionShape)) },
  responses: parquetAnswer,
});

const tableFile = createRoute({
  method: 'get',
  path: '/api/v1/tables/{table}/rows.parquet',
  summary: 'All rows of a canonical table as a Parquet file, as they are now',
  request: { params: z.object({ table: z.string().openapi({ param: { name: 'table', in: 'path' } }) }) },
  responses: parquetAnswer,
});

const arrowAnswer = {
  200: {
    description: 'The rows, in record batches of at most 2,048.',
    content: { [arrowType]: { schema: z.any().openapi({ type: 'string', format: 'binary' }) } },
  },
  ...failures,
};

const rowsStream = createRoute({
  method: 'post',
  path: '/api/v1/rows.arrow',
  summary: 'All rows of one read-only SELECT as an Arrow IPC stream; at most 240 s and http.max_answer_bytes',
  request: { body: body(z.strictObject({ sql: questionShape.sql, asOf: questionShape.asOf })) },
  responses: arrowAnswer,
});

const tableStream = createRoute({
  method: 'get',
  path: '/api/v1/tables/{table}/rows.arrow',
  summary: 'All rows of a canonical table as an Arrow IPC stream, as they are now',
  request: tableFile.request,
  responses: arrowAnswer,
});

/** A query may be silent for longer than other requests. */
const silentMs = 300_000;

/** Adds answers of any length. */
export function addAnswers(app: OpenAPIHono, context: HttpContext): void {
  app.openapi(rowsFile, c => sendAnswer(c, context, { ...c.req.valid('json'), format: 'parquet' }));
  app.openapi(rowsStream, c => sendAnswer(c, context, { ...c.req.valid('json'), format: 'arrow' }));
  app.openapi(tableFile, c => sendTable(c, context, { table: c.req.valid('param').table, format: 'parquet' }));
  app.openapi(tableStream, c => sendTable(c, context, { table: c.req.valid('param').table, format: 'arrow' }));
}

async function sendTable(
  c: Context,
  context: HttpContext,
  { table, format }: { table: string } & Pick<Question, 'format'>,
): Promise<Response> {
  if (!(await context.bus.tables()).some(({ name }) => name === table))
    refuse('TABLE_NOT_FOUND', `There is no table canon.${table}.`);
  // Another answer would not be the same file.
  if (c.req.header('if-match') !== undefined)
    refuse('HTTP_FILE_CHANGED', 'The rows of a table are written anew for each request.');
  if (c.req.method === 'HEAD')
    refuse('HTTP_REQUEST_INVALID', 'The rows of a table have no length before they are written.');
  return sendAnswer(c, context, { sql: `SELECT * FROM canon.${identifier(table)}`, format });
}

/** Writes the answer to a query, and streams it. A caller who leaves ends the query. */
async function sendAnswer(c: Context, { answers }: HttpContext, question: Question): Promise<Response> {
  const { handle, size, closed } = await whileHere(c, left => answers.write(question, left), { silentMs });
  c.header('Content-Type', question.format === 'arrow' ? arrowType : parquetType);
  c.header('Content-Length', String(size));
  c.header('ETag', `"${crypto.randomUUID()}"`);
  const cutOff = () => (c.env as HttpBindings).incoming.socket.destroy();
  return c.body(streamPart(contentOf(handle), { start: 0, end: size, patienceMs, cutOff, closed }), 200);
}
