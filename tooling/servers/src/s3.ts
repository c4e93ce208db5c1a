import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs } from './end-with-us.js';
import { freePort } from './free-port.js';

/** The program of the S3 server: `VERSITYGW`, or `versitygw` on the PATH; undefined without one. */
export const versitygw = findServer();

if (versitygw === undefined)
  console.warn(
    'SKIPPED: the tests of s3:// need versitygw. Run `go install github.com/versity/versitygw/cmd/versitygw@latest`, and set VERSITYGW.',
  );

function findServer(): string | undefined {
  const path = process.env.VERSITYGW || 'versitygw';
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore' });
    return path;
  } catch {
    return undefined;
  }
}

/** A running S3 server. */
export interface S3Server {
  endpoint: string;
  port: number;
  /** The root's folder: each bucket is a folder in it. */
  folder: string;
  /** The account's settings, as environment variables. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** Starts versitygw on a new folder, with the bucket `bus`. */
export async function startS3(): Promise<S3Server> {
  const base = mkdtempSync(join(tmpdir(), 'quantbot-s3-'));
  const folder = join(base, 'root');
  const accounts = join(base, 'accounts');
  mkdirSync(join(folder, 'bus'), { recursive: true });
  mkdirSync(accounts);
  const port = await freePort();
  const secret = randomBytes(12).toString('hex');
  const child = spawn(
    versitygw as string,
    ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', '--iam-dir', accounts, 'posix', folder],
    {
      env: { ROOT_ACCESS_KEY: 'bus', ROOT_SECRET_KEY: secret },
      stdio: 'ignore',
    },
  );
  endWithUs(child);
  const ended = new Promise(resolve => child.once('exit', resolve));
  const deadline = performance.now() + 30_000;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('versitygw did not start');
    await sleep(20);
  }
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    port,
    folder,
    env: { AWS_ACCESS_KEY_ID: 'bus', AWS_SECRET_ACCESS_KEY: secret, AWS_ENDPOINT_URL_S3: endpoint },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(base, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
