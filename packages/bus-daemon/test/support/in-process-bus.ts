import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BulkWriter, WorkerProcess } from '@quantbot/duckdb-process';
import { createLogger } from '@quantbot/infra';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { onTestFinished } from 'vitest';
import { type Bus, randomClaim } from '../../src/writer/bus.js';
import { Exporter } from '../../src/writer/exports/exporter.js';
import { FileThreads } from '../../src/writer/file-thread/client.js';
import { openBus } from '../../src/writer/open-bus.js';
import { tableFactsOf } from '../../src/writer/stages/table-operation.js';

/** The package's own folder. */
export const packageFolder = join(import.meta.dirname, '../..');
/** The built entry point of worker processes. */
export const workerEntry = join(
  dirname(createRequire(import.meta.url).resolve('@quantbot/duckdb-process/package.json')),
  'dist/worker.js',
);
/** The built entry point of the thread for files. */
export const fileThreadEntry = join(packageFolder, 'dist/file-thread.js');

let shared = new WorkerProcess('inspect', { idleMs: 60_000, entry: workerEntry });

/**
 * Returns the worker process that inspects files. All tests share it, because its start is slow.
 * After a test in which a loop has closed it, the next one gets another.
 */
export function inspector(): WorkerProcess {
  if (shared.isClosed) shared = shared.another('inspect');
  return shared;
}

/** A bus opened in the test's own process, with a clock that the test controls. */
export interface InProcessBus {
  test: TestBus;
  bus: Bus;
  /** Advances both clocks. */
  advance(ms: number): void;
  /** Sets the time of day, like an operator or a time server. No time passes. */
  setClock(now: number): void;
}

/** Opens a bus of the test's own, without a daemon. */
export async function openInProcess(settings: Record<string, unknown> = {}): Promise<InProcessBus> {
  const test = makeTestBus(settings);
  let now = Date.UTC(2026, 0, 1);
  let elapsed = 0;
  const opened = await openBus(test.config, createLogger({ name: 'test', level: 'silent' }), {
    now: () => now,
    elapsed: () => elapsed,
    newClaim: randomClaim,
    files: new FileThreads(fileThreadEntry),
    assertHeld: () => {}, // the test holds no lock
  });
  const own = { ...opened, inspector: inspector() };
  const bus = { ...own, tableFacts: tableFactsOf(own) };
  await new Exporter(bus, new BulkWriter('write', { idleMs: 0, entry: workerEntry })).ensureStatus(); // the views read it
  onTestFinished(async () => {
    await bus.files.close();
    bus.journal.close();
  });
  return {
    test,
    bus,
    advance: ms => {
      now += ms;
      elapsed += ms;
    },
    setClock: to => {
      now = to;
    },
  };
}
