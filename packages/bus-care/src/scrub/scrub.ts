import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DaemonError, daemonError, ignoreMissing } from '@quantbot/bus-format';
import { Journal, type JournalRow } from '@quantbot/bus-format/journal';
import { lockWork, readScrubState, type ScrubState, scrubGuardOf, writeScrubState } from '@quantbot/bus-format/state';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { Pace } from '@quantbot/infra/files';
import { compareOutcomes, listOutcomes } from '../verify/verify-outcomes.js';
import { listOwnFiles } from '../verify/verify-own-files.js';
import { checkArtifact } from '../verify/verify-store.js';
import {
  nextPass,
  Pass,
  type ScrubbedArtifact,
  type ScrubbedBus,
  type ScrubbedFile,
  type ScrubListeners,
} from './pass.js';

/** The options of a scrub. */
export interface ScrubOptions extends ScrubListeners {
  /** Limits the rate of reading. */
  pace: Pace;
}

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 1_000;

/**
 * Hashes every file of a bus at a bounded rate: the daemon's own files, receipts and reject
 * reasons, then the store. It continues an interrupted pass, or begins a new one. Files that were
 * damaged before are hashed first, so that repaired ones are forgotten.
 *
 * Its place and its findings are in `scrub.json`. It changes nothing else, so a daemon may run.
 *
 * @returns the state at the end of the pass.
 * @throws DaemonError `SCRUB_BUSY` while another process scrubs the same bus.
 */
export async function scrub(config: BusConfig, { pace, ...listeners }: ScrubOptions): Promise<ScrubState> {
  const layout = busLayout(config.busRoot);
  const release = await lockWork(scrubGuardOf(layout.root), layout);
  if (release === undefined) throw daemonError('SCRUB_BUSY', `Another process is scrubbing ${layout.root}.`);
  try {
    await using files = await FilesOfBus.open(config, pace);
    return await new Pass(files, nextPass(readScrubState(layout.root)), listeners).run();
  } finally {
    release();
  }
}

/**
 * Drops findings of earlier scrubs whose files have been repaired since. Compares only files that
 * have changed since they were found. Does nothing while a scrub runs, because the scrub does the
 * same.
 *
 * @returns the files that are whole again, or gone.
 */
export async function forgetMended(config: BusConfig): Promise<string[]> {
  const layout = busLayout(config.busRoot);
  if ((await changedSinceFound(layout)).length === 0) return [];
  const release = await lockWork(scrubGuardOf(layout.root), layout);
  if (release === undefined) return [];
  try {
    const state = readScrubState(layout.root);
    const changed = await changedSinceFound(layout, state);
    if (state === undefined || changed.length === 0) return [];
    await using files = await FilesOfBus.open(config, async () => {});
    return await new Pass(files, state).forget(changed);
  } finally {
    release();
  }
}

/** Returns the findings whose files were written, replaced or removed since. */
async function changedSinceFound({ root }: BusLayout, state = readScrubState(root)): Promise<string[]> {
  const changed: string[] = [];
  for (const { what, found_at } of state?.findings ?? []) {
    const info = await stat(resolve(root, what)).catch(ignoreMissing);
    if (info === undefined || info.ctimeMs > Date.parse(found_at)) changed.push(what);
  }
  return changed;
}

/** The files of a bus on one machine. */
class FilesOfBus implements ScrubbedBus {
  readonly #config: BusConfig;
  readonly #layout: BusLayout;
  /** Undefined if it is damaged: its files have findings of their own. */
  readonly #journal: Journal | undefined;
  readonly #pace: Pace;

  private constructor(config: BusConfig, layout: BusLayout, journal: Journal | undefined, pace: Pace) {
    this.#config = config;
    this.#layout = layout;
    this.#journal = journal;
    this.#pace = pace;
  }

  static async open(config: BusConfig, pace: Pace): Promise<FilesOfBus> {
    const layout = busLayout(config.busRoot);
    return new FilesOfBus(config, layout, await Journal.read(layout).catch(unlessDamaged), pace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#journal?.close();
  }

  async ownFiles(): Promise<ScrubbedFile[]> {
    const files = await listOwnFiles(this.#config, this.#layout);
    return Promise.all(
      files.map(async ({ what, path, check }) => ({
        what,
        bytes: (await stat(path).catch(ignoreMissing))?.size ?? 0,
        check: () => check(this.#pace),
      })),
    );
  }

  async storedBytes(): Promise<number> {
    return (await this.#journal?.ingestedBytes(this.#journal.lastSeq)) ?? 0;
  }

  async *outcomesAfter(last: string): AsyncGenerator<ScrubbedFile> {
    yield* this.#outcomes((await listOutcomes(this.#layout)).filter(what => what > last));
  }

  async *artifactsAfter({ seq, ordinal }: { seq: number; ordinal: number }): AsyncGenerator<ScrubbedArtifact> {
    const journal = this.#journal;
    if (journal === undefined) return;
    for (let after = Math.max(0, seq - 1); after < journal.lastSeq; after += stepJobs) {
      const upTo = Math.min(after + stepJobs, journal.lastSeq);
      for (const row of await journal.ingestedBetween(after, upTo, journal.stored))
        if (row.seq > seq || (row.seq === seq && row.ordinal > ordinal)) yield this.#artifact(row);
    }
  }

  async *named(whats: readonly string[]): AsyncGenerator<ScrubbedFile> {
    const journal = this.#journal;
    if (journal === undefined) return;
    const stored = whats.filter(what => what.startsWith('store/'));
    for (const row of await journal.rows('WHERE rel_path IN (SELECT unnest($1))', stored, journal.stored))
      if (row.status === 'ingested') yield this.#artifact(row);
    yield* this.#outcomes(whats.filter(what => /^(processed|rejected)\//.test(what)));
  }

  save(state: ScrubState): Promise<void> {
    return writeScrubState(this.#layout, state);
  }

  async *#outcomes(whats: readonly string[]): AsyncGenerator<ScrubbedFile> {
    if (this.#journal === undefined) return;
    for await (const { what, text, problem } of compareOutcomes(this.#layout, this.#journal, whats, this.#pace))
      yield { what, bytes: text?.length ?? 0, check: async () => problem };
  }

  #artifact(row: JournalRow): ScrubbedArtifact {
    const check = async () => (await checkArtifact(this.#layout, row, { pace: this.#pace }))[0];
    return { what: row.rel_path ?? '', bytes: row.bytes ?? 0, seq: row.seq, ordinal: row.ordinal, check };
  }
}

function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof DaemonError) || error.code !== 'JOURNAL_DAMAGED') throw error;
}
