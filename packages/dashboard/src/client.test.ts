import { afterEach, expect, test, vi } from 'vitest';
import { ApiError, get } from './client.js';

/** Answers the next request with a body that ends in the middle. */
function answerCut(status: number): void {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"jobs": ['));
      controller.error(new TypeError('terminated'));
    },
  });
  vi.stubGlobal('fetch', async () => new Response(body, { status }));
}

afterEach(() => vi.unstubAllGlobals());

test('an answer that is cut while its body comes is an error, never data', async () => {
  answerCut(200);
  await expect(get('/jobs')).rejects.toThrow(expect.objectContaining({ code: 'UNREACHABLE' }));
  answerCut(500);
  await expect(get('/jobs')).rejects.toBeInstanceOf(ApiError);
});

test('a question that nobody asks any more ends as aborted, not as an error of the daemon', async () => {
  const end = new AbortController();
  answerCut(200);
  end.abort();
  const refused = await get('/jobs', {}, end.signal).catch((error: unknown) => error);
  expect(refused).not.toBeInstanceOf(ApiError);
});

test('the error of an answer is told with its code', async () => {
  const error = { code: 'JOB_UNKNOWN', message: 'There is no such job.', hint: 'Look again.', details: [] };
  vi.stubGlobal('fetch', async () => Response.json({ error }, { status: 404 }));
  await expect(get('/jobs/x')).rejects.toMatchObject(error);
});
