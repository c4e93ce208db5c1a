import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { AnnouncedPart } from '@quantbot/bus-format/state';
import { parseManifest } from '@quantbot/infra';
import type { Context } from 'hono';
import { admitSender, maySubmitAs } from '../access/guard-access.js';
import { whileSending } from '../connections.js';
import type { HttpContext } from '../context.js';
import { refuse } from '../http-error.js';
import { joiner } from '../joiner.js';
import { answers } from '../openapi.js';
import { outcomeReader, outcomeRoute } from '../outcome.js';
import { bodyOf, manifestBody } from '../uploads/body.js';
import { takeJob } from '../uploads/take-job.js';
import type { Upload } from '../uploads/upload-files.js';
import { whileHere } from '../while-here.js';

const uploadParam = z.object({
  upload: z
    .string()
    .regex(/^[0-9a-f]{64}-[1-9]\d{0,15}$/, 'must be the SHA-256 and the size of the file: <sha256>-<bytes>')
    .openapi({ param: { name: 'upload', in: 'path' } }),
});

const offsetAnswer = answers(
  z.strictObject({ offset: z.number().openapi({ description: 'Bytes that are there. Also in `Upload-Offset`.' }) }),
);

const uploadState = createRoute({
  method: 'get',
  path: '/api/v1/uploads/{upload}',
  summary: 'How much of a file is there; HEAD answers with the header alone',
  request: { params: uploadParam },
  responses: offsetAnswer,
});

const uploadPart = createRoute({
  method: 'put',
  path: '/api/v1/uploads/{upload}',
  summary: 'Sends a file, or with Content-Range the next part of it',
  request: { params: uploadParam },
  responses: offsetAnswer,
});

const submission = createRoute({
  method: 'post',
  path: '/api/v1/jobs',
  summary: 'Submits a job of files that were sent; the body is its manifest.json',
  responses: answers(
    z.strictObject({
      jobId: z.string(),
      manifest: z.string().openapi({ description: 'The manifest that waits in the inbox.' }),
    }),
  ),
});

const outcome = outcomeRoute(
  '/api/v1/jobs/{jobId}/outcome',
  'What became of a job of your producers: RECEIPT.json or REJECT_REASON.json, as text',
);

/** A submission may be silent for longer than other requests. */
const silentMs = 300_000;

/** Adds the submission of jobs. */
export function addSubmission(app: OpenAPIHono, { bus, access, uploads }: HttpContext): void {
  const { inbox } = bus;
  const incomingOf = (c: Context): IncomingMessage => (c.env as HttpBindings).incoming;
  const answerOffset = (c: Context, offset: number) => {
    c.header('Upload-Offset', String(offset));
    return c.json({ offset }, 200);
  };
  app.openapi(uploadState, async c => {
    const { owner } = admitSender(access, c);
    const upload = parseUpload(c.req.valid('param').upload);
    const ask = () => uploads.offsetToGoOn(owner, upload);
    return answerOffset(c, await whileHere(c, ask, { silentMs }));
  });
  app.openapi(uploadPart, async c => {
    const { owner } = admitSender(access, c);
    const upload = parseUpload(c.req.valid('param').upload);
    const part = partOf(c.req.header('content-range'), upload);
    const incoming = incomingOf(c);
    const add = () => uploads.add(owner, upload, { ...part, chunks: bodyOf(incoming) });
    return answerOffset(c, await whileSending(incoming.socket, add));
  });
  const joined = joiner<Uint8Array>();
  app.openapi(submission, async c => {
    const caller = admitSender(access, c);
    const mayBy = (producer: string) => {
      if (!maySubmitAs(caller, producer))
        refuse('HTTP_FORBIDDEN', `The token ${caller.name} may not submit as ${producer}.`);
    };
    const given = await manifestBody(incomingOf(c));
    const { job_id: jobId } = parseManifest(given);
    // A large job is sent on to an object store. Whoever asks again waits for the same work.
    const work = joined(`${caller.owner} ${hash('sha256', given)}`, () =>
      takeJob(inbox, given, { uploads, owner: caller.owner, mayBy }),
    );
    const manifest = await whileHere(c, () => work, { silentMs });
    bus.logger.debug({ job: jobId, token: caller.name }, 'a job was submitted over HTTP');
    return c.json({ jobId, manifest: Buffer.from(manifest).toString('utf8') }, 200);
  });
  const outcomeOf = outcomeReader(inbox);
  app.openapi(outcome, async c => {
    const caller = admitSender(access, c);
    // An id is no producer, so that only those who may submit as any see a job without one.
    return c.json(await outcomeOf(c.req.valid('param').jobId, (producer = '') => maySubmitAs(caller, producer)), 200);
  });
}

function parseUpload(text: string): Upload {
  const [sha256 = '', bytes] = text.split('-');
  return { sha256, bytes: Number(bytes) };
}

/** Returns where the bytes of a request begin, and how many they are. */
function partOf(range: string | undefined, { bytes }: Upload): AnnouncedPart {
  if (range === undefined) return { start: 0, bytes };
  const [, first, last, total] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(range) ?? [];
  if (first === undefined || Number(first) > Number(last) || Number(last) >= bytes || Number(total) !== bytes)
    refuse('HTTP_REQUEST_INVALID', `Content-Range must lie within the ${bytes} bytes of the file.`);
  return { start: Number(first), bytes: Number(last) - Number(first) + 1 };
}
