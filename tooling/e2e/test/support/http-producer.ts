import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { onTestFinished } from 'vitest';
import { quantbotBus } from './daemon-process.js';
import { type ServingDaemon, startServing } from './http.js';

const json = { 'Content-Type': 'application/json' };

/** Lets the library send a token. */
export function useToken(token: string | undefined): void {
  const before = process.env.QUANTBOT_BUS_TOKEN;
  if (token === undefined) delete process.env.QUANTBOT_BUS_TOKEN;
  else process.env.QUANTBOT_BUS_TOKEN = token;
  onTestFinished(() => {
    if (before === undefined) delete process.env.QUANTBOT_BUS_TOKEN;
    else process.env.QUANTBOT_BUS_TOKEN = before;
  });
}

/** Creates a token of a bus, and returns it. */
export async function tokenFor(bus: TestBus, name: string, ...flags: string[]): Promise<string> {
  const { stdout, stderr } = await quantbotBus(bus, 'token', 'create', name, ...flags, '--json');
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { token: string }).token;
}

/** A daemon, and a token to submit as `tests` that the library sends. */
export async function serving(settings: Record<string, unknown> = {}) {
  const bus = makeTestBus(settings);
  const daemon = await startServing(bus);
  const token = await tokenFor(bus, 'laptop', '--submit', 'tests');
  useToken(token);
  return { bus, token, ...daemon };
}

/** The files that were sent to a bus and that no job took. */
export const uploadsOf = (bus: TestBus) => {
  const folder = join(bus.layout.root, 'uploads');
  return existsSync(folder) ? readdirSync(folder).flatMap(owner => readdirSync(join(folder, owner))) : [];
};

/** Sends requests as a program of another machine does, without the library. */
export function sender({ url }: Pick<ServingDaemon, 'url'>, token: string) {
  const authorization = { Authorization: `Bearer ${token}` };
  const ask = async (method: string, path: string, body?: Uint8Array<ArrayBuffer> | string, headers = {}) => {
    const answer = await fetch(url + path, { method, body, headers: { ...authorization, ...headers } });
    const text = await answer.text();
    const found = text === '' ? {} : JSON.parse(text);
    return { status: answer.status, code: found.error?.code as string | undefined, offset: found.offset, text };
  };
  const at = (bytes: Buffer) => `/api/v1/uploads/${sha256(bytes)}-${bytes.length}`;
  return {
    ask,
    offset: async (bytes: Buffer) => (await ask('GET', at(bytes))).offset as number,
    put: (bytes: Buffer, start = 0, end = bytes.length) =>
      ask('PUT', at(bytes), new Uint8Array(bytes.subarray(start, end)), {
        'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}`,
      }),
    submit: (manifest: object) => ask('POST', '/api/v1/jobs', JSON.stringify(manifest), json),
  };
}

/** The SHA-256 of some bytes. */
export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The manifest of a job with one artifact. */
export const manifestOf = (
  bytes: Buffer,
  more: Record<string, unknown> = {},
  artifact: Record<string, unknown> = {},
) => ({
  manifest_version: 1,
  job_id: 'job-1',
  run_id: 'r1',
  producer: 'tests',
  kind: 'numbers',
  created_at_utc: '2026-11-28T05:00:00Z',
  artifacts: [
    {
      artifact_id: 'numbers',
      format: 'parquet',
      relpath: '0-numbers.parquet',
      sha256: sha256(bytes),
      bytes: bytes.length,
      ...artifact,
    },
  ],
  ...more,
});
