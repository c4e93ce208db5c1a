import { existsSync, readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { startJsonServer } from '@quantbot/tooling-testing/json-server';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { repository } from './scripts.js';

/** The document that a hook receives, as in the reference. */
export interface NotificationDocument {
  id: string;
  event: string;
  hook: string;
  at: string;
  text: string;
  count?: number;
  jobs?: { job_id: string; [field: string]: unknown }[];
  exports?: { name: string; [field: string]: unknown }[];
  damage?: object[];
  cause?: { code: string; [field: string]: unknown };
}

/** A request that a webhook has received. */
export interface Received {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: NotificationDocument;
}

/** A real server that a webhook posts to. */
export interface Receiver {
  url: string;
  received: Received[];
}

/** Starts a server that answers with the given statuses, or with 204. */
export async function startReceiver(
  answer: (response: ServerResponse, howMany: number) => void = response => {
    response.writeHead(204).end();
  },
): Promise<Receiver> {
  const received: Received[] = [];
  const url = await startJsonServer((body, { method, url: path, headers }, response) => {
    received.push({ method, path, headers, body: body as NotificationDocument });
    answer(response, received.length);
  });
  return { url, received };
}

/** Returns a command that appends its input to a file in the bus's folder. */
export const noting = (file = 'told.jsonl'): string[] => ['sh', '-c', `cat >> ${file}; echo >> ${file}`];

/** Returns the documents that {@link noting} has stored. */
export function told({ folder }: TestBus, file = 'told.jsonl'): NotificationDocument[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as NotificationDocument);
}

/** Submits a job that is rejected, because its file is not Parquet. */
export function submitBad(bus: TestBus, jobId: string, manifest: object = {}): void {
  writeToInbox(bus, { jobId, files: { 'x.parquet': { content: 'no Parquet' } }, manifest });
}

/**
 * Expects that the reference shows a document of this event, with the same fields in the same
 * order.
 */
export function expectDocumented(document: NotificationDocument | undefined): void {
  const example = documentedExamples().find(({ event }) => event === document?.event);
  expect(fieldsOf(document)).toEqual(fieldsOf(example));
}

/** Returns the documents that docs/reference/notifications.md shows. */
function documentedExamples(): NotificationDocument[] {
  const page = readFileSync(join(repository, 'docs/reference/notifications.md'), 'utf8');
  const blocks = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text) as object);
  return blocks.filter(block => 'version' in block) as unknown as NotificationDocument[];
}

/** Returns the paths of all fields, in order. One item of a list stands for all. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return fieldsOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, field]) => fieldsOf(field, `${path}.${name}`));
}
