import type { z } from '@hono/zod-openapi';
import type * as schemas from './api/schemas.js';

export type Status = z.infer<typeof schemas.statusSchema>;
export type ForgetPreview = z.infer<typeof schemas.forgetPreviewSchema>;
export type Diff = z.infer<typeof schemas.diffSchema>;
export type Space = z.infer<typeof schemas.spaceSchema>;
export type Sample = z.infer<typeof schemas.sampleSchema>;
export type Job = z.infer<typeof schemas.jobSchema>;
export type Artifact = z.infer<typeof schemas.artifactSchema>;
export type Run = z.infer<typeof schemas.runSchema>;
export type Lineage = z.infer<typeof schemas.lineageSchema>;
export type Export = z.infer<typeof schemas.exportSchema>;
export type Table = z.infer<typeof schemas.tableSchema>;
export type TableChange = z.infer<typeof schemas.tableChangeSchema>;
export type Answer = z.infer<typeof schemas.answerSchema>;
export type Chart = z.infer<typeof schemas.chartSchema>;
type ErrorBody = z.infer<typeof schemas.errorSchema>['error'];

/** An error that the API returned: code, sentence and hint. */
export class ApiError extends Error implements ErrorBody {
  readonly code: string;
  readonly hint: string;
  readonly details: string[];

  constructor({ code, message, hint, details }: ErrorBody) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}

const unreachable: ErrorBody = {
  code: 'UNREACHABLE',
  message: 'The daemon does not answer.',
  hint: 'Jobs can be submitted all the same, and wait. Start it again: npx quantbot-bus start --http.',
  details: [],
};

type Query = Record<string, string | number | undefined>;

/** Sends a GET below `/api/v1`. @throws ApiError */
export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const given = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return ask(`/api/v1${path}${search.size > 0 ? `?${search}` : ''}`, { signal });
}

const asJson = (body: unknown, signal: AbortSignal | undefined): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
  signal,
});

/** Sends a POST below `/api/v1`. @throws ApiError */
export const post = <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  ask(`/api/v1${path}`, asJson(body, signal));

/** Sends a POST whose answer is a file. @throws ApiError */
export const postForFile = (path: string, body: unknown, signal?: AbortSignal): Promise<Blob> =>
  ask(`/api/v1${path}`, asJson(body, signal), response => response.blob());

async function ask<T>(
  url: string,
  init: RequestInit,
  read = (response: Response) => response.json() as Promise<T>,
): Promise<T> {
  try {
    const response = await fetch(url, init);
    // A response whose body is cut off is a failure, whatever its status was.
    if (response.ok) return await read(response);
    throw new ApiError(((await response.json()) as { error?: ErrorBody }).error ?? unreachable);
  } catch (error) {
    if (init.signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError(unreachable);
  }
}
