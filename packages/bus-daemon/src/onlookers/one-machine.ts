import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findOpenJobs } from '@quantbot/bus-care/jobs';
import { canonicalSchemas, retypesOf, shownName } from '@quantbot/bus-format/canon';
import { seqName } from '@quantbot/bus-format/journal';
import {
  countQueue,
  folderTokens,
  lockFileOf,
  readExportStatus,
  readGcState,
  readRejected,
  readScrubState,
  retryRejected,
  submittableIn,
} from '@quantbot/bus-format/state';
import type { VisibleBus, VisibleMachine } from '@quantbot/bus-http';
import { folderInbox, freeBytes } from '@quantbot/infra/bus';
import type { Bus } from '../writer/bus.js';
import { stageNames } from '../writer/events.js';
import { previewOne } from '../writer/forgetting.js';
import { totalsOf } from './totals.js';

/** Returns the view of a one-machine bus for onlookers. */
export function oneMachine(bus: Bus): VisibleBus {
  const { config, layout, journal, tables } = bus;
  const totals = totalsOf(bus);
  return {
    config,
    events: bus.events,
    logger: bus.logger,
    now: bus.now,
    elapsed: bus.elapsed,
    root: layout.root,
    get lastSeq() {
      return journal.lastSeq;
    },
    totals,
    queue: () => countQueue(layout),
    openJobs: max => findOpenJobs(config, max),
    tables: async () => tables.tables().map(table => ({ ...table, name: shownName(table) })),
    isTable: name => tables.named(name) !== undefined,
    schemas: async () =>
      (await canonicalSchemas(journal)).map(schema => ({
        ...schema,
        table: schema.table && tables.nameOf(schema.table),
      })),
    retypes: async () => (await retypesOf(journal)).map(op => ({ ...op, table: tables.nameOf(op.table) })),
    rejected: {
      placeOf: jobId => join(layout.rejected, jobId),
      read: async jobId => {
        const entry = await readRejected(config, jobId).catch(() => undefined);
        return entry && { reason: entry.reason, canRetry: submittableIn(entry.folder) !== undefined };
      },
      retry: jobId => retryRejected(config, jobId),
    },
    previewForget: key => previewOne(config, key),
    failedExports: async () => {
      // The exporter reports an unreadable status.
      const status = await readExportStatus(config.export.exportDir).catch(() => undefined);
      return Object.entries(status?.exports ?? {}).flatMap(([name, { ok }]) => (ok ? [] : [name]));
    },
    scrub: oncePerRequest(async () => readScrubState(layout.root)),
    gc: oncePerRequest(async () => readGcState(layout.root)),
    catalog: async () => config.duckdbPath,
    spillIn: layout.building,
    tokens: folderTokens(layout.root),
    inbox: folderInbox(layout.root),
    uploadIn: layout.root,
    checks: async () => ({ lock: await holdsLock(bus), published: await isFile(config.duckdbPath) }),
    stages: stageNames,
    machine: machineOf(bus),
    cluster: undefined,
  };
}

function machineOf(bus: Bus): VisibleMachine {
  const { journal, layout } = bus;
  return {
    holdsLock: () => holdsLock(bus),
    disk: () => ({ freeBytes: freeBytes(layout.root), minFreeBytes: bus.config.minFreeBytes }),
    journalBytes: async () => {
      const hot = await Promise.all(
        journal.hotCommits.map(seq =>
          stat(join(layout.hot, seqName(seq), 'commit.parquet')).then(
            ({ size }) => size,
            () => 0, // compacted meanwhile
          ),
        ),
      );
      return [...hot, ...journal.segments.map(({ bytes }) => bytes)].reduce((sum, bytes) => sum + bytes, 0);
    },
    get segments() {
      return journal.segments.length;
    },
    get hotCommits() {
      return journal.hotCommits.length;
    },
  };
}

/** Caches what is read from a file, so that one scrape reads the file once. */
function oncePerRequest<State>(read: () => State): () => State {
  let cached: { state: State } | undefined;
  return () => {
    if (cached === undefined) {
      cached = { state: read() };
      setImmediate(() => {
        cached = undefined;
      });
    }
    return cached.state;
  };
}

async function holdsLock({ assertHeld, config }: Bus): Promise<boolean> {
  try {
    assertHeld();
  } catch {
    return false;
  }
  const text = await readFile(lockFileOf(config.duckdbPath), 'utf8').catch(() => '');
  return new RegExp(`"pid": ${process.pid}\\b`).test(text);
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    info => info.isFile(),
    () => false,
  );
