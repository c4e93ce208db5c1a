import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished } from 'vitest';
import { repository } from './scripts.js';

/** What a hook gets, as the reference describes it. */
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

/** A request that a webhook has got. */
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

/** Starts a server that answers as it is told to; 204 when it is not. */
export async function startReceiver(
  answer: (response: ServerResponse, howMany: number) => void = response => {
    response.writeHead(204).end();
  },
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const { method, url: path, headers } = request;
      received.push({ method, path, headers, body: JSON.parse(text) as NotificationDocument });
      answer(response, received.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** A command that appends what it gets to a file of the bus's folder. */
export const noting = (file = 'told.jsonl'): string[] => ['sh', '-c', `cat >> ${file}; echo >> ${file}`];

/** What {@link noting} has noted. */
export function told({ folder }: TestBus, file = 'told.jsonl'): NotificationDocument[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as NotificationDocument);
}

/** Submits a job that is rejected: its file is no Parquet. */
export function submitBad(bus: TestBus, jobId: string, manifest: object = {}): void {
  writeToInbox(bus, { jobId, files: { 'x.parquet': { content: 'no Parquet' } }, manifest });
}

/** Whether the reference shows a document of this event, with the same fields in the same order. */
export function expectDocumented(document: NotificationDocument | undefined): void {
  const example = documentedExamples().find(({ event }) => event === document?.event);
  expect(fieldsOf(document)).toEqual(fieldsOf(example));
}

/** The documents that docs/reference/notifications.md shows. */
function documentedExamples(): NotificationDocument[] {
  const page = readFileSync(join(repository, 'docs/reference/notifications.md'), 'utf8');
  const blocks = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text) as object);
  return blocks.filter(block => 'version' in block) as unknown as NotificationDocument[];
}

/** The paths of all fields, in their order; an item of a list stands for all of them. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return fieldsOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, field]) => fieldsOf(field, `${path}.${name}`));
}
