import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.js';
import type { TestBus } from './test-bus.js';

/** A row of a result. */
export type ResultRow = Record<string, unknown>;

/** A reader in its own process, which keeps the database open. */
export interface HoldingReader {
  /** @throws an Error with DuckDB's message. */
  query(sql: string): Promise<ResultRow[]>;
  close(): Promise<void>;
}

/**
 * Starts a reader that has the published database open from now on.
 *
 * @param python a Python with DuckDB; Node by default.
 */
export async function startHoldingReader(bus: TestBus, python?: string): Promise<HoldingReader> {
  const child =
    python === undefined
      ? startReader(bus, 'holding')
      : startChild(python, [scriptOf('holding-reader.py'), bus.config.duckdbPath], bus.folder);
  const lines = createInterface({ input: child.process.stdout as NodeJS.ReadableStream });
  const answers: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  lines.on('line', line => {
    const resolve = waiting.shift();
    if (resolve === undefined) answers.push(line);
    else resolve(line);
  });
  const next = () =>
    Promise.race([
      new Promise<string>(resolve => {
        const line = answers.shift();
        if (line === undefined) waiting.push(resolve);
        else resolve(line);
      }),
      child.ended.then(() => {
        throw new Error(`The reader has ended: ${child.stderr()}`);
      }),
    ]);
  await next(); // the reader reports that it has opened the database
  return {
    query: async sql => {
      child.process.stdin?.write(`${JSON.stringify(sql)}\n`);
      const answer = JSON.parse(await next()) as { rows: ResultRow[] } | { error: string };
      if ('error' in answer) throw new Error(answer.error);
      return answer.rows;
    },
    close: async () => {
      child.process.stdin?.end();
      await child.ended;
    },
  };
}

/** The experience of a reader that opened the database repeatedly. */
export interface OpeningReport {
  opens: number;
  errors: string[];
  /** Whether the number of artifacts that it saw never decreased. */
  monotonic: boolean;
}

/** Starts a reader that opens the database repeatedly until it is stopped. */
export function startOpeningReader(bus: TestBus): { stop(): Promise<OpeningReport> } {
  const child = startReader(bus, 'opening');
  return {
    stop: async () => {
      const closed = once(child.process, 'close');
      child.process.stdin?.end();
      await closed;
      return JSON.parse(child.stdout()) as OpeningReport;
    },
  };
}

/** Runs a reader with Node. */
function startReader(bus: TestBus, kind: 'holding' | 'opening'): Child {
  return startChild(process.execPath, [scriptOf(`${kind}-reader.mjs`), bus.config.duckdbPath], bus.folder);
}

const scriptOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
