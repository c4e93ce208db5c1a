/**
 * Fails every system call: the process is killed on entering the first, second, third … call of a
 * name, or the call fails with an error, once or from then on. A recording of an undisturbed run
 * shows which calls there are.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { checkAfterDamage } from './after-damage.js';
import { copyWithLinks, makeBus } from './make-bus.js';
import { endedWithin, mustEndWell, type Running, startDaemon, startProducer } from './processes.js';
import type { RoundResult } from './rounds.js';
import { type Fault, hasFired, type Injection, injecting, readRecording, recording } from './strace.js';

/** The process that makes the calls. */
export type Who = 'daemon' | 'producer';

/** One call to fail. */
export interface InjectionPoint {
  who: Who;
  call: string;
  nth: number;
  /** Its path in the undisturbed run, relative to the data folder. */
  path: string;
}

/**
 * Repeats the same work on a bus with waiting jobs. Each round begins with a fresh copy at the same
 * path.
 */
export class SystemCallRounds {
  readonly #folder: string;
  readonly #original: string;

  private constructor(folder: string, original: string) {
    this.#folder = folder;
    this.#original = original;
  }

  static async open(): Promise<SystemCallRounds> {
    const folder = await makeBus();
    await mustEndWell(startProducer(folder, 'p0', 8, 7), 'the producer');
    const original = `${folder}.original`;
    renameSync(folder, original);
    return new SystemCallRounds(folder, original);
  }

  close(): void {
    for (const folder of [this.#folder, this.#original]) rmSync(folder, { recursive: true, force: true });
  }

  /**
   * Returns every call of an undisturbed run that concerns the bus's folders and that its number
   * identifies.
   */
  async points(who: Who): Promise<InjectionPoint[]> {
    this.#restore();
    const file = join(this.#folder, 'calls.log');
    await mustEndWell(this.#start(who, recording(file)), `the ${who}`);
    const data = join(this.#folder, 'data');
    const points = new Map<string, InjectionPoint>();
    const numbers = new Set<string>();
    for (const { call, nth, paths } of readRecording(file)) {
      // The fault hits the first thread that reaches the number.
      const number = `${call} ${nth}`;
      if (numbers.has(number)) continue;
      numbers.add(number);
      const path = paths.find(p => p.startsWith(`${data}/`));
      if (path !== undefined) points.set(number, { who, call, nth, path: relative(data, path) });
    }
    return [...points.values()];
  }

  /**
   * One round: the injection, then a restart, and the checks. Returns undefined if it never fired,
   * because the run went differently.
   */
  async run(
    { who, call, nth, path }: InjectionPoint,
    fault: Fault,
    persistent = false,
  ): Promise<RoundResult | undefined> {
    this.#restore();
    const file = join(this.#folder, 'calls.log');
    const injection: Injection = { call, nth, fault, persistent };
    await this.#untilItEnds(this.#start(who, injecting(file, injection)), () => hasFired(file, injection));
    if (!existsSync(file) || !hasFired(file, injection)) return undefined;
    const name = `${who}: ${fault}${persistent ? ' from' : ' at'} the ${nth}. ${call} (${path})`;
    rmSync(file);
    const { problems, jobs } = await checkAfterDamage(this.#folder);
    if (problems.length > 0) {
      const kept = `${this.#folder}.${who}-${fault}-${call}-${nth}`;
      copyWithLinks(this.#folder, kept);
      problems.push(`left for looking at: ${kept}`);
    }
    return { name, kills: fault === 'KILL' ? 1 : 0, problems, jobs };
  }

  #start(who: Who, strace: readonly string[]): Running {
    return who === 'daemon'
      ? startDaemon(this.#folder, { strace, drain: true })
      : startProducer(this.#folder, 'p1', 4, 11, { strace });
  }

  /**
   * Waits for the end of a daemon. A daemon pauses after an error, so stop it once it has logged
   * the pause.
   */
  async #untilItEnds(running: Running, fired: () => boolean): Promise<void> {
    for (let waited = 0; waited < 60_000; waited += 500) {
      if ((await endedWithin(running, 500)) !== undefined) return;
      const paused = /paused; nothing is lost|failed; /.test(readFileSync(join(this.#folder, 'processes.log'), 'utf8'));
      if (paused && waited >= 3000 && fired()) break;
    }
    running.kill('SIGKILL');
    await running.ended;
  }

  #restore(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    copyWithLinks(this.#original, this.#folder);
  }
}
