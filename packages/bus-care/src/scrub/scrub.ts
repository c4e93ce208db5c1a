import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DaemonError, daemonError, ignoreMissing, type OnProgress } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import {
  lockWork,
  readScrubState,
  type ScrubFinding,
  type ScrubState,
  scrubGuardOf,
  writeScrubState,
} from '@quantbot/bus-format/state';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { Pace } from '@quantbot/infra/files';
import type { OwnFile, StoreProblem } from '../verify/problem.js';
import { compareOutcomes, listOutcomes } from '../verify/verify-outcomes.js';
import { listOwnFiles } from '../verify/verify-own-files.js';
import { checkArtifact } from '../verify/verify-store.js';

/** The options of a scrub. */
export interface ScrubOptions {
  /** Limits the rate of reading. */
  pace: Pace;
  /** Called with each damaged file that was not known before. */
  onFound?: (finding: ScrubFinding) => void;
  onProgress?: OnProgress;
}

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 1_000;
/** A killed scrub repeats what it read since it last saved its place. */
const saveEveryMs = 5_000;
const beginning = { own: '', outcome: '', seq: 0, ordinal: -1 };

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
export async function scrub(config: BusConfig, options: ScrubOptions): Promise<ScrubState> {
  const layout = busLayout(config.busRoot);
  const release = await lockWork(scrubGuardOf(layout.root), layout);
  if (release === undefined) throw daemonError('SCRUB_BUSY', `Another process is scrubbing ${layout.root}.`);
  try {
    return await new Pass(config, layout, options, nextPass(readScrubState(layout.root))).run();
  } finally {
    release();
  }
}

/** Returns the state to continue from: that of an unfinished pass, or of a new one. */
function nextPass(before: ScrubState | undefined): ScrubState {
  if (before?.ended_at === null) return before;
  const { findings = [], last = null } = before ?? {};
  const place = { ...beginning };
  return { started_at: now(), ended_at: null, place, files: 0, bytes: 0, total_bytes: 0, findings, last };
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
    return await new Pass(config, layout, { pace: async () => {} }, state).forget(changed);
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

class Pass {
  readonly #config: BusConfig;
  readonly #layout: BusLayout;
  readonly #options: ScrubOptions;
  readonly #state: ScrubState;
  readonly #findings: Map<string, ScrubFinding>;
  /** The files that this pass has compared. */
  readonly #confirmed = new Set<string>();
  #savedAt = performance.now();

  constructor(config: BusConfig, layout: BusLayout, options: ScrubOptions, state: ScrubState) {
    this.#config = config;
    this.#layout = layout;
    this.#options = options;
    this.#state = state;
    this.#findings = new Map(state.findings.map(finding => [finding.what, finding]));
  }

  /** Checks some of the findings again. Returns those whose files are no longer damaged. */
  async forget(changed: readonly string[]): Promise<string[]> {
    const journal = await Journal.read(this.#layout).catch(unlessDamaged);
    try {
      await this.#lookAgain(await listOwnFiles(this.#config, this.#layout), journal, changed);
    } finally {
      journal?.close();
    }
    for (const what of changed) {
      const left = this.#findings.get(what);
      if (left !== undefined) this.#findings.set(what, { ...left, found_at: now() });
    }
    await this.#save();
    return changed.filter(what => !this.#findings.has(what));
  }

  async run(): Promise<ScrubState> {
    const own = (await listOwnFiles(this.#config, this.#layout)).sort((a, b) => (a.what < b.what ? -1 : 1));
    const journal = await Journal.read(this.#layout).catch(unlessDamaged);
    try {
      this.#state.total_bytes = (await sizeOf(own)) + ((await journal?.ingestedBytes(journal.lastSeq)) ?? 0);
      await this.#lookAgain(own, journal);
      await this.#save();
      for (const file of own) if (file.what > this.#state.place.own) await this.#compareOwn(file);
      if (journal !== undefined) {
        await this.#compareOutcomes(journal);
        await this.#compareStore(journal);
      }
    } finally {
      journal?.close();
    }
    const { started_at, files, bytes } = this.#state;
    const ended_at = now();
    Object.assign(this.#state, {
      ended_at,
      last: { started_at, ended_at, files, bytes },
    } satisfies Partial<ScrubState>);
    await this.#save();
    return this.#state;
  }

  /** Drops earlier findings whose files are sound again or gone. */
  async #lookAgain(
    own: readonly OwnFile[],
    journal: Journal | undefined,
    known: readonly string[] = [...this.#findings.keys()],
  ): Promise<void> {
    for (const file of own) if (known.includes(file.what)) this.#note(file.what, await file.check(this.#options.pace));
    const stored = known.filter(what => what.startsWith('store/'));
    for (const row of (await journal?.rows('WHERE rel_path IN (SELECT unnest($1))', stored, journal.stored)) ?? [])
      if (row.status === 'ingested') this.#note(row.rel_path ?? '', (await this.#checkArtifact(row))[0]);
    const outcomes = known.filter(what => /^(processed|rejected)\//.test(what));
    if (journal !== undefined)
      for await (const { what, problem } of compareOutcomes(this.#layout, journal, outcomes)) this.#note(what, problem);
    for (const what of known) if (!this.#confirmed.has(what)) this.#findings.delete(what);
  }

  async #compareOwn(file: OwnFile): Promise<void> {
    this.#note(file.what, await file.check(this.#options.pace));
    this.#state.place.own = file.what;
    await this.#count((await stat(file.path).catch(ignoreMissing))?.size ?? 0, file.what);
  }

  async #compareOutcomes(journal: Journal): Promise<void> {
    const { place } = this.#state;
    const rest = (await listOutcomes(this.#layout)).filter(what => what > place.outcome);
    for await (const { what, text, problem } of compareOutcomes(this.#layout, journal, rest, this.#options.pace)) {
      this.#note(what, problem);
      place.outcome = what;
      await this.#count(text?.length ?? 0, what);
    }
  }

  async #compareStore(journal: Journal): Promise<void> {
    const { place } = this.#state;
    for (let after = Math.max(0, place.seq - 1); after < journal.lastSeq; after += stepJobs)
      for (const row of await journal.ingestedBetween(
        after,
        Math.min(after + stepJobs, journal.lastSeq),
        journal.stored,
      )) {
        if (row.seq < place.seq || (row.seq === place.seq && row.ordinal <= place.ordinal)) continue;
        this.#note(row.rel_path ?? '', (await this.#checkArtifact(row))[0]);
        Object.assign(place, { seq: row.seq, ordinal: row.ordinal });
        await this.#count(row.bytes ?? 0, row.rel_path ?? '');
      }
  }

  #checkArtifact(row: Parameters<typeof checkArtifact>[1]): Promise<StoreProblem[]> {
    return checkArtifact(this.#layout, row, { pace: this.#options.pace });
  }

  #note(what: string, problem: StoreProblem | undefined): void {
    this.#confirmed.add(what);
    const known = this.#findings.get(what);
    if (problem === undefined) this.#findings.delete(what);
    if (problem === undefined || known?.code === problem.code) return;
    const finding = { ...problem, found_at: now() };
    this.#findings.set(what, finding);
    this.#options.onFound?.(finding);
    this.#savedAt = Number.NEGATIVE_INFINITY;
  }

  async #count(bytes: number, what: string): Promise<void> {
    this.#state.files++;
    this.#state.bytes += bytes;
    this.#options.onProgress?.({ done: this.#state.bytes, total: this.#state.total_bytes, unit: 'bytes', what });
    if (performance.now() - this.#savedAt >= saveEveryMs) await this.#save();
  }

  async #save(): Promise<void> {
    this.#state.findings = [...this.#findings.values()];
    await writeScrubState(this.#layout, this.#state);
    this.#savedAt = performance.now();
  }
}

const now = (): string => new Date().toISOString();

async function sizeOf(files: readonly OwnFile[]): Promise<number> {
  let bytes = 0;
  for (const { path } of files) bytes += (await stat(path).catch(ignoreMissing))?.size ?? 0;
  return bytes;
}

/** Ignores a damaged journal: its files have their own findings, and its rows are not trusted. */
function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof DaemonError) || error.code !== 'JOURNAL_DAMAGED') throw error;
}
