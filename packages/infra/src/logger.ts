import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import { visibleJson, visibleOnceParsed } from './visible.js';

export type { Logger } from 'pino';

const require = createRequire(import.meta.url);

/** How a logger is made. */
export interface LoggerOptions {
  /** The `name` in each line. */
  name: string;
  /** `trace` to `fatal`, or `silent`. By default `QUANTBOT_LOG_LEVEL`, or `info`. */
  level?: string;
  /** Takes each line, in place of standard error. */
  write?: (line: string) => void;
}

/**
 * Creates a structured logger (pino). It writes JSON lines to standard error, or readable lines if
 * that is a terminal and `pino-pretty` is installed.
 */
export function createLogger({ name, level = process.env.QUANTBOT_LOG_LEVEL || 'info', write }: LoggerOptions): Logger {
  const { pino } = require('pino') as typeof import('pino'); // producers that log nothing need not load it
  const options = { name, level, timestamp: pino.stdTimeFunctions.isoTime, base: { pid: process.pid } };
  if (write !== undefined) return pino(options, { write: line => write(visibleJson(line)) });
  const pretty = process.stderr.isTTY ? prettyStream() : undefined;
  // Escape text from producers, so that it cannot control a terminal. pino escapes control
  // characters, but not all of Unicode's.
  if (pretty !== undefined) return pino(options, { write: line => void pretty.write(visibleOnceParsed(line)) });
  const lines = pino.destination({ fd: 2, sync: true });
  return pino(options, { write: line => void lines.write(visibleJson(line)) });
}

/** pino-pretty as a stream of this thread, so that the last lines before an exit are not lost. */
function prettyStream(): NodeJS.WritableStream | undefined {
  try {
    const pretty = require('pino-pretty') as (options: object) => NodeJS.WritableStream;
    return pretty({ destination: 2, sync: true, ignore: 'pid,hostname,name', translateTime: 'SYS:HH:MM:ss.l' });
  } catch {
    return undefined; // optional: without it, lines are JSON
  }
}
