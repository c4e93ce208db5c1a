import { rmSync } from 'node:fs';
import { hintFor } from '@quantbot/bus-format';
import { type DaemonState, readDaemonState, stateFileOf, type WaitingTable } from '@quantbot/bus-format/state';
import { CodedError } from '@quantbot/infra';
import { replaceFile, systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

const beatMs = 10_000;

/** Keeps `daemon.json` up to date: writes it when the state changes, and regularly in between. */
export class StateFile {
  readonly #bus: Bus;
  readonly #waitingTables: () => WaitingTable[];
  #last: DaemonState | undefined;
  #lastError: unknown;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(bus: Bus, waitingTables: () => WaitingTable[] = () => []) {
    this.#bus = bus;
    this.#waitingTables = waitingTables;
  }

  write(state: DaemonState['state'], error?: unknown): void {
    const isNews = this.#last?.state !== state || error !== this.#lastError;
    this.#lastError = error;
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

  /** Removes the file at the end of the daemon, unless a later daemon has replaced it. */
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

  /** Ignores errors: the file is only information, so a full disk must not stop the daemon. */
  #try(work: (path: string) => void): void {
    try {
      work(stateFileOf(this.#bus.layout.root));
    } catch (error) {
      this.#bus.logger.debug({ err: error }, 'daemon.json could not be written');
    }
  }
}

/** Returns the facts about an error that an operator needs. */
export function causeOf(error: unknown): NonNullable<DaemonState['cause']> {
  const code = error instanceof CodedError ? error.code : (systemErrorCode(error) ?? null);
  return { code, message: error instanceof Error ? error.message : String(error), hint: hintFor(error) };
}
