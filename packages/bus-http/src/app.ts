import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { daemonError } from '@quantbot/bus-format';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import type { Access } from './access/access.js';
import { guardAccess, openSession, scopeOf } from './access/guard-access.js';
import type { Asset } from './assets.js';
import type { HttpContext } from './context.js';
import { exactAnswers, guardHost, guardJson, guardOrigin, guardPage, neverStored } from './guards.js';
import { answerOf, refuse } from './http-error.js';
import { addDescription, answers, body } from './openapi.js';
import { addAnswers } from './routes/answers.js';
import { addArtifacts } from './routes/artifacts.js';
import { addData } from './routes/data.js';
import { addEvents } from './routes/events.js';
import { addFiles } from './routes/files.js';
import { addJobs } from './routes/jobs.js';
import { addOperations } from './routes/operations.js';
import { addOverview } from './routes/overview.js';
import { addProbes } from './routes/probes.js';
import { addSubmission } from './routes/submission.js';
import { CallerLeft } from './while-here.js';

const maxBodyBytes = 64 * 1024;

/**
 * Creates the server's routes: the page, its API, files, metrics and health checks.
 *
 * @param maxFiles the most files that clients may read at the same time.
 */
export function createApp(context: HttpContext, assets: ReadonlyMap<string, Asset>, maxFiles: number): OpenAPIHono {
  const { bus, access } = context;
  const app = new OpenAPIHono({
    defaultHook: result => {
      if (result.success) return;
      const whole = result.target === 'query' ? 'query' : 'body';
      const details = result.error.issues.map(({ path, message }) => `${path.join('.') || whole}: ${message}`);
      refuse('HTTP_REQUEST_INVALID', 'The request is not one that this can answer.', details);
    },
  });
  app.use(exactAnswers);
  app.onError((error, c) => {
    // The library itself refuses some requests, such as a body that is not JSON.
    const coded =
      error instanceof HTTPException && error.status < 500
        ? daemonError('HTTP_REQUEST_INVALID', error.message || 'The request cannot be read.')
        : error;
    const { status, body: answer } = answerOf(coded);
    if (status === 500 && !(error instanceof CallerLeft))
      bus.logger.error({ err: error, path: c.req.path }, 'a request failed');
    return c.json(answer, status);
  });
  app.notFound(c => {
    const { status, body: answer } = answerOf(daemonError('HTTP_NOT_FOUND', `There is nothing at ${c.req.path}.`));
    return c.json(answer, status);
  });
  for (const path of ['/api/*', '/exports/*', '/metrics']) app.use(path, neverStored);
  app.use(guardPage, guardHost(bus.config.http.allowedHosts), guardOrigin);
  const limitBody = bodyLimit({
    maxSize: maxBodyBytes,
    onError: () => refuse('HTTP_TOO_LARGE', `A request has at most ${maxBodyBytes} bytes.`),
  });
  for (const guard of [limitBody, guardJson])
    app.use((c, next) => (readsOwnBody(c.req.method, c.req.path) ? next() : guard(c, next)));
  addSession(app, access);
  for (const path of ['/api/*', '/exports/*', '/metrics']) app.use(path, guardAccess(access));
  addProbes(app, context);
  addOverview(app, context);
  addJobs(app, context);
  addArtifacts(app, context);
  addData(app, context);
  addAnswers(app, context);
  addFiles(app, context, maxFiles);
  addSubmission(app, context);
  addOperations(app, context);
  addEvents(app, context);
  addDescription(app);
  for (const [path, { type, content, isNamedByContent }] of assets)
    app.get(path, c => {
      c.header('Content-Type', type);
      c.header('Cache-Control', isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache');
      return c.body(content);
    });
  return app;
}

/** Whether a route limits its body itself: those of files and manifests are larger than others. */
const readsOwnBody = (method: string, path: string): boolean =>
  scopeOf(method, path) === 'submit' || path === '/api/v1/operations';

const session = createRoute({
  method: 'post',
  path: '/api/v1/session',
  summary: 'Exchanges the token for a browser cookie',
  request: { body: body(z.strictObject({ token: z.string().max(1000) })) },
  responses: answers(z.strictObject({ ok: z.literal(true) })),
});

/** Adds the route that opens a session. Call it before adding the guard that requires one. */
function addSession(app: OpenAPIHono, access: Access): void {
  app.openapi(session, async c => {
    await openSession(access, c, c.req.valid('json').token);
    return c.json({ ok: true as const }, 200);
  });
}
