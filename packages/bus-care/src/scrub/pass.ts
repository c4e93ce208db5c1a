import type { OnProgress } from '@quantbot/bus-format';
import type { ScrubFinding, ScrubState } from '@quantbot/bus-format/state';
import type { StoreProblem } from '../verify/problem.js';

/** A file of a bus, and the check of its content. */
export interface ScrubbedFile {
  /** Path relative to the bus root, or the key of an object. */
  what: string;
  bytes: number;
  /** Returns undefined if the file is sound, or is not needed any more. */
  check(): Promise<StoreProblem | undefined>;
}

/** A stored artifact. */
export interface ScrubbedArtifact extends ScrubbedFile {
  seq: number;
  ordinal: number;
}

/** The files of a bus that a scrub reads, and the place of its state. */
export interface ScrubbedBus {
  /**
   * Lists the files that the daemons wrote themselves, but for receipts and reject reasons.
   *
   * @param among at least those of these names that there are.
   */
  ownFiles(among?: readonly string[]): Promise<readonly ScrubbedFile[]>;
  /** Bytes of the store. */
  storedBytes(): Promise<number>;
  /** Receipts and reject reasons after this one, in the order of their names. */
  outcomesAfter(what: string): AsyncIterable<ScrubbedFile>;
  /** Stored artifacts after this one, in the order of the journal. */
  artifactsAfter(place: { seq: number; ordinal: number }): AsyncIterable<ScrubbedArtifact>;
  /** Those of these names that are receipts, reject reasons or stored artifacts. */
  named(whats: readonly string[]): AsyncIterable<ScrubbedFile>;
  save(state: ScrubState): Promise<void>;
}

/** Whom a scrub tells. */
export interface ScrubListeners {
  /** Called with each damaged file that was not known before. */
  onFound?: (finding: ScrubFinding) => void;
  onProgress?: OnProgress;
}

/** A killed scrub repeats what it read since it last saved its place. */
const saveEveryMs = 5_000;
const beginning = { own: '', outcome: '', seq: 0, ordinal: -1 };

/** Returns the state to continue from: that of an unfinished pass, or of a new one. */
export function nextPass(before: ScrubState | undefined): ScrubState {
  if (before?.ended_at === null) return before;
  const { findings = [], last = null } = before ?? {};
  const place = { ...beginning };
  return { started_at: now(), ended_at: null, place, files: 0, bytes: 0, total_bytes: 0, findings, last };
}

/** A scrub of every file of a bus, from the place in its state. */
export class Pass {
  readonly #bus: ScrubbedBus;
  readonly #state: ScrubState;
  readonly #listeners: ScrubListeners;
  readonly #findings: Map<string, ScrubFinding>;
  /** The files that this pass has compared. */
  readonly #confirmed = new Set<string>();
  #savedAt = performance.now();

  constructor(bus: ScrubbedBus, state: ScrubState, listeners: ScrubListeners = {}) {
    this.#bus = bus;
    this.#state = state;
    this.#listeners = listeners;
    this.#findings = new Map(state.findings.map(finding => [finding.what, finding]));
  }

  /** Checks some of the findings again. Returns those whose files are no longer damaged. */
  async forget(whats: readonly string[]): Promise<string[]> {
    await this.#lookAgain(await this.#bus.ownFiles(whats), whats);
    for (const what of whats) {
      const left = this.#findings.get(what);
      if (left !== undefined) this.#findings.set(what, { ...left, found_at: now() });
    }
    await this.#save();
    return whats.filter(what => !this.#findings.has(what));
  }

  /** Compares every file. Those that were damaged before come first. */
  async run(): Promise<ScrubState> {
    const own = [...(await this.#bus.ownFiles())].sort((a, b) => (a.what < b.what ? -1 : 1));
    const { place } = this.#state;
    this.#state.total_bytes = own.reduce((sum, { bytes }) => sum + bytes, await this.#bus.storedBytes());
    await this.#lookAgain(own, [...this.#findings.keys()]);
    await this.#save();
    for (const file of own) if (file.what > place.own) await this.#compare(file, { own: file.what });
    for await (const file of this.#bus.outcomesAfter(place.outcome)) await this.#compare(file, { outcome: file.what });
    for await (const file of this.#bus.artifactsAfter({ seq: place.seq, ordinal: place.ordinal }))
      await this.#compare(file, { seq: file.seq, ordinal: file.ordinal });
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
  async #lookAgain(own: readonly ScrubbedFile[], known: readonly string[]): Promise<void> {
    for (const file of own) if (known.includes(file.what)) this.#note(file.what, await file.check());
    for await (const file of this.#bus.named(known)) this.#note(file.what, await file.check());
    for (const what of known) if (!this.#confirmed.has(what)) this.#findings.delete(what);
  }

  async #compare({ what, bytes, check }: ScrubbedFile, place: Partial<ScrubState['place']>): Promise<void> {
    this.#note(what, await check());
    Object.assign(this.#state.place, place);
    this.#state.files++;
    this.#state.bytes += bytes;
    this.#listeners.onProgress?.({ done: this.#state.bytes, total: this.#state.total_bytes, unit: 'bytes', what });
    if (performance.now() - this.#savedAt >= saveEveryMs) await this.#save();
  }

  #note(what: string, problem: StoreProblem | undefined): void {
    this.#confirmed.add(what);
    const known = this.#findings.get(what);
    if (problem === undefined) this.#findings.delete(what);
    if (problem === undefined || known?.code === problem.code) return;
    const finding = { ...problem, found_at: now() };
    this.#findings.set(what, finding);
    this.#listeners.onFound?.(finding);
    this.#savedAt = Number.NEGATIVE_INFINITY;
  }

  async #save(): Promise<void> {
    this.#state.findings = [...this.#findings.values()];
    await this.#bus.save(this.#state);
    this.#savedAt = performance.now();
  }
}

const now = (): string => new Date().toISOString();
