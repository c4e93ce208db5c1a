import { rmSync } from 'node:fs';
import { hintFor } from '@quantbot/bus-format';
import { type DaemonState, readDaemonState, stateFileOf, type WaitingTable } from '@quantbot/bus-format/state';
import { CodedError } from '@quantbot/infra';
import { replaceFile, systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

const beatMs = 10_000;

/** Keeps `daemon.json`: written when the state changes, and now and then while it does not. */
export class StateFile {
  readonly #bus: Bus;
  readonly #waitingTables: () => WaitingTable[];
  #last: DaemonState | undefined;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(bus: Bus, waitingTables: () => WaitingTable[] = () => []) {
    this.#bus = bus;
    this.#waitingTables = waitingTables;
  }

  write(state: DaemonState['state'], error?: unknown): void {
    const isNews = this.#last?.state !== state || state === 'paused';
    const waitingTables = this.#waitingTables();
    const areOthers = JSON.stringify(waitingTables) !== JSON.stringify(this.#last?.waitingTables ?? []);
    if (isNews) this.#tell(state, error);
    if (!isNews && !areOthers && this.#bus.elapsed() - this.#writtenAt < beatMs) return;
    const at = new Date(this.#bus.now()).toISOString();
    const since = this.#last?.state === state ? this.#last.since : at;
    const last: DaemonState = {
      pid: process.pid,
      state,
      since,
      at,
      cause: error === undefined ? null : causeOf(error),
      waitingTables,
    };
    this.#last = last;
    this.#writtenAt = this.#bus.elapsed();
    this.#try(path => replaceFile(path, `${JSON.stringify(last, null, 2)}\n`)); // old within seconds: no checksum
  }

  /** A daemon that has ended is in no state. What another one says that came after it stays. */
  remove(): void {
    this.#try(path => {
      if (readDaemonState(this.#bus.layout.root)?.pid === process.pid) rmSync(path, { force: true });
    });
  }

  #tell(state: DaemonState['state'], error: unknown): void {
    this.#bus.events.emit('state', {
      state,
      ...(error === undefined ? { code: null, message: null } : causeOf(error)),
    });
  }

  /** The file is only information: a full disk must not fail the daemon for it. */
  #try(work: (path: string) => void): void {
    try {
      work(stateFileOf(this.#bus.layout.root));
    } catch (error) {
      this.#bus.logger.debug({ err: error }, 'daemon.json could not be written');
    }
  }
}

/** What a person needs to know of an error that keeps the daemon from working. */
export function causeOf(error: unknown): NonNullable<DaemonState['cause']> {
  const code = error instanceof CodedError ? error.code : (systemErrorCode(error) ?? null);
  return { code, message: error instanceof Error ? error.message : String(error), hint: hintFor(error) };
}
