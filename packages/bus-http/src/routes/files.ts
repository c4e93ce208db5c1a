import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { daemonError } from '@quantbot/bus-format';
import { isId } from '@quantbot/infra';
import type { HttpContext } from '../context.js';
import { foundLately } from '../files/found-lately.js';
import { FileSender, type FileToSend, parquetType } from '../files/send-file.js';
import { refuse } from '../http-error.js';
import { failures } from '../openapi.js';
import { storedArtifact } from '../stored-artifact.js';

const whole = (description: string) => ({
  description,
  content: { [parquetType]: { schema: z.any().openapi({ type: 'string', format: 'binary' }) } },
});

const fileAnswers = {
  200: whole('The file.'),
  206: whole('The range that the request asks for.'),
  304: { description: 'The caller has this file: see If-None-Match.' },
  ...failures,
};

const id = (name: string) =>
  z
    .string()
    .refine(isId, 'is not an id')
    .openapi({ param: { name, in: 'path' } });

const artifactFile = createRoute({
  method: 'get',
  path: '/api/v1/artifacts/{runId}/{producer}/{kind}/{artifactId}/file',
  summary: 'The file of an artifact; its ETag is its SHA-256',
  request: {
    params: z.object({
      runId: id('runId'),
      producer: id('producer'),
      kind: id('kind'),
      artifactId: id('artifactId'),
    }),
  },
  responses: fileAnswers,
});

const exportFile = createRoute({
  method: 'get',
  path: '/exports/{file}',
  summary: 'A golden export; its ETag changes with the file',
  request: {
    params: z.object({
      file: z
        .string()
        .max(200)
        .openapi({ param: { name: 'file', in: 'path' }, description: '`<name>.parquet`' }),
    }),
  },
  responses: fileAnswers,
});

/** How long a look-up holds for the next requests. */
const lately = { forMs: 2_000, max: 1_000 };

/**
 * Adds the files of artifacts and exports. The paths come from the catalog and the configuration.
 * Requests are only compared with names.
 *
 * @param maxFiles the most files to read at the same time.
 */
export function addFiles(app: OpenAPIHono, { bus, loop, reader }: HttpContext, maxFiles: number): void {
  const sender = new FileSender(bus.config, maxFiles);
  const findArtifact = foundLately(key => storedArtifact(reader, key), lately);
  const findExport = foundLately(async name => {
    const found = (await loop.exports()).find(item => item.name === name);
    return found ?? refuse('HTTP_NOT_FOUND', `There is no export ${name}.`);
  }, lately);
  app.openapi(artifactFile, async c => {
    const { runId, producer, kind, artifactId } = c.req.valid('param');
    const key = [runId, producer, kind, artifactId].join('/');
    const { path, sha256, bytes } = await findArtifact(key);
    const file: FileToSend = {
      path,
      name: `${artifactId}.parquet`,
      expected: { sha256, bytes },
      cacheControl: 'private, max-age=31536000, immutable',
    };
    const answer = await sender.send(c, file);
    if (answer !== undefined) return answer;
    await storedArtifact(reader, key); // it may have been forgotten a moment ago
    throw daemonError('FILE_DAMAGED', `${path} is missing.`);
  });
  app.openapi(exportFile, async c => {
    const { file: asked } = c.req.valid('param');
    const name = asked.replace(/\.parquet$/, '');
    if (name === asked) refuse('HTTP_NOT_FOUND', 'A golden export is at /exports/NAME.parquet.');
    const { path } = await findExport(name);
    const answer = await sender.send(c, { path, name: asked, expected: undefined, cacheControl: 'private, no-cache' });
    return answer ?? refuse('HTTP_NOT_FOUND', `The export ${name} is not one file, or it is not written yet.`);
  });
}
