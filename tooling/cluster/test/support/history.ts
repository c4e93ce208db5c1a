import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifacts } from '@quantbot/infra/utils';
import { BusModel, type Job, keyOf, type Op } from '@quantbot/tooling-testing/bus-model';
import { nullsParquet } from '@quantbot/tooling-testing/parquet';
import { writeRows } from '@quantbot/tooling-testing/table-steps';
import { expect } from 'vitest';
import type { HistoryBus } from './history-bus.js';
import { factsNow, factsThen, wantedNow, wantedThen } from './history-facts.js';
import type { NewFile, Step } from './history-steps.js';

/** A job, and its files. */
type WrittenJob = Job & { paths: string[] };

interface SettledJob {
  seq: number;
  id: string;
  status: string;
  error: string | null;
}

/** A history of a bus, beside the model of it. */
export class History {
  readonly #bus: HistoryBus;
  readonly #model = new BusModel();
  /** Each submission, by the id of its job, and those that have yet to be settled. */
  readonly #asked = new Map<string, WrittenJob | Op>();
  readonly #waiting = new Set<string>();
  /** Jobs whose last outcome is a rejection. */
  readonly #rejected = new Set<string>();
  #runs = 0;

  constructor(bus: HistoryBus) {
    this.#bus = bus;
  }

  async perform(step: Step): Promise<void> {
    const bus = this.#bus;
    switch (step.do) {
      case 'submit': {
        const run = `r${++this.#runs}`;
        const inputs = step.inputs.map(which => this.#key(which));
        return this.#submit(await this.#write({ run, content: run, inputs }, step.files), step.name);
      }
      case 'again': {
        const job = this.#job(step.which);
        return job && this.#submit(job, step.name);
      }
      case 'clash': {
        const job = this.#job(step.which);
        if (job === undefined) return;
        const other = { rows: [{ k: 'a', rev: 9, code: '1' }], x: null };
        const files = job.files.map(({ hasHint }) => ({ ...other, hasHint }));
        return this.#submit(await this.#write({ ...job, content: `r${++this.#runs}` }, files), step.name);
      }
      case 'retry': {
        await this.#settle();
        const job = at([...this.#rejected], step.which);
        if (job === undefined) return;
        await bus.done('retry', job);
        return void this.#waiting.add(job);
      }
      case 'table':
        return this.#operate({ ...step.op, table: this.#model.name });
      case 'forget': {
        const { rows, force } = step;
        return this.#operate({ type: 'forget', artifact_keys: [this.#key(step.which)], rows, force });
      }
      case 'keep':
        return this.#operate({ type: 'keep', artifact_keys: [this.#key(step.which)], keep: step.keep });
      case 'alias': {
        const artifact_key = step.which === null ? null : this.#key(step.which);
        return this.#operate({ type: 'alias', producer: 'tests', kind: 'k', alias: step.alias, artifact_key });
      }
      case 'settle':
        if (step.kill !== null) await bus.drainUntil(step.kill);
        if (step.daemons > 0)
          await bus.runDaemons(step.daemons, async () => (await this.#settled()).length === this.#waiting.size);
        return this.#settle();
      case 'rebuild':
        await this.#settle();
        await bus.done('rebuild');
        return this.#compare();
      case 'rebuild from objects':
        await this.#settle();
        if (bus.cluster === undefined) return;
        await bus.loseDatabase(bus.cluster);
        await bus.done('rebuild', '--from-objects');
        return this.#compare();
      case 'gc':
        return void (await bus.done('gc', '--apply', '--keep-unfinished', '0s'));
      case 'scrub':
        await this.#settle();
        return void (await bus.done('scrub'));
      case 'move':
        await this.#settle();
        return this.#move();
      case 'backup':
        await this.#settle();
        await bus.goOnWithBackup();
        return this.#compare();
    }
  }

  /** Compares the whole bus with the model: now, in the past, and file by file. */
  async end(): Promise<void> {
    await this.#settle();
    await this.#comparePast();
    expect(await this.#bus.done('verify', '--deep')).toContain('every file matches the journal');
    const withRows = this.#model.artifacts.filter(({ rows = [] }) => rows.length > 0);
    const gone = withRows.filter(({ state, hasHint }) => state === 'erased' || (state === 'forgotten' && !hasHint));
    for (const { key } of gone)
      await this.#afterDrains(async () => {
        const { code, stdout } = await this.#bus.command('verify', '--erased', key);
        const problems = stdout.split('\n').filter(line => /^(exports|lake|store)\//.test(line));
        // Files of a lake that was rebuilt stay for an hour.
        const left = problems.filter(line => line.includes('a rebuild left it'));
        expect({ code, problems }, stdout).toEqual({ code: left.length === 0 ? 0 : 2, problems: left });
      });
    const there = withRows.find(({ state }) => state === 'there');
    if (there !== undefined)
      expect(await this.#bus.command('verify', '--erased', there.key)).toMatchObject({ code: 2 });
  }

  #key(which: number): string {
    return at(this.#model.artifacts, which)?.key ?? keyOf('r0', 0);
  }

  /** Returns a job with files that was submitted before. */
  #job(which: number): WrittenJob | undefined {
    return at(
      [...this.#asked.values()].filter(asked => 'paths' in asked),
      which,
    );
  }

  async #write(job: Omit<Job, 'files'>, newFiles: readonly NewFile[]): Promise<WrittenJob> {
    const files = newFiles.map(({ rows, hasHint, x }) => ({
      rows: rows === null ? undefined : this.#model.named(rows),
      hasHint,
      x,
    }));
    const paths: string[] = [];
    for (const { rows, x } of files)
      paths.push(rows === undefined ? this.#writeNulls() : await writeRows(this.#bus.produced, rows, { x }));
    return { ...job, files, paths };
  }

  #writeNulls(): string {
    mkdirSync(this.#bus.produced, { recursive: true });
    const path = join(this.#bus.produced, 'nulls.parquet');
    writeFileSync(path, nullsParquet);
    return path;
  }

  async #submit(job: WrittenJob, name: number): Promise<void> {
    const schemaHint = this.#model.hint(name);
    const artifacts = job.files.map(({ hasHint }, index) => ({
      artifactId: 'ab'[index] as string,
      parquetPath: job.paths[index] as string,
      ...(hasHint && { schemaHint }),
    }));
    const { jobId } = await submitArtifacts({
      busRoot: this.#bus.root,
      producer: 'tests',
      kind: 'k',
      runId: job.run,
      inputs: job.inputs,
      artifacts,
    });
    this.#asked.set(jobId, job);
    this.#waiting.add(jobId);
  }

  async #operate(op: Op): Promise<void> {
    const jobId = await this.#bus.operate(op);
    this.#asked.set(jobId, op);
    this.#waiting.add(jobId);
  }

  /** Returns the settled jobs that the model has yet to take. */
  async #settled(): Promise<SettledJob[]> {
    await using catalog = await this.#bus.catalog();
    const rows = await catalog.query(
      `SELECT seq::INTEGER AS seq, job_id AS id, status, reject_error AS error FROM catalog.jobs_f
       WHERE seq >= ${this.#model.next} ORDER BY seq`,
    );
    return rows as unknown as SettledJob[];
  }

  /** Settles the jobs that wait, gives them to the model in the order of the bus, and compares. */
  async #settle(): Promise<void> {
    await this.#bus.done('start', '--drain');
    const settled = await this.#settled();
    expect(settled.map(({ id }) => id).sort()).toEqual([...this.#waiting].sort());
    for (const { seq, id, status, error } of settled) {
      const asked = this.#asked.get(id) as WrittenJob | Op;
      expect(seq).toBe(this.#model.next);
      const wanted = this.#model.apply(asked);
      expect(status, `${seq} ${JSON.stringify(asked)}: ${error}`).toBe(wanted.status);
      this.#rejected.delete(id);
      if (status === 'rejected') {
        this.#rejected.add(id);
        continue;
      }
      const receipt = await this.#bus.receipt(id);
      const details = ('paths' in asked ? receipt.artifacts : (receipt.forget ?? [])) as { status: string }[];
      const found = { seq: receipt.seq, status: receipt.status, details: details.map(each => each.status) };
      expect(found, `${seq} ${JSON.stringify(asked)}`).toEqual({ seq, ...wanted });
    }
    this.#waiting.clear();
    await this.#compare();
  }

  async #compare(): Promise<void> {
    if (this.#model.moments.length === 0) return;
    await this.#afterDrains(async () => {
      await using catalog = await this.#bus.catalog();
      expect(await factsNow(catalog)).toEqual(wantedNow(this.#model));
    });
  }

  /** Repeats a check that fails: on one machine, files may follow at the next compaction. */
  async #afterDrains(check: () => Promise<void>, drainsLeft = 3): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (drainsLeft === 0) throw error;
      await this.#bus.done('start', '--drain');
      await this.#afterDrains(check, drainsLeft - 1);
    }
  }

  async #comparePast(): Promise<void> {
    await using catalog = await this.#bus.catalog();
    for (const [index, { artifacts }] of this.#model.moments.entries()) {
      const seq = index + 1;
      await using past = await catalog.asOf(seq);
      // `asOf` refuses a table of artifacts that are forgotten, and lists an empty one or not.
      const hasTable = artifacts.length > 0 && artifacts.every(({ state }) => state === 'there');
      expect(await factsThen(past, { hasTable }), `as of ${seq}`).toEqual(wantedThen(this.#model, seq, { hasTable }));
    }
  }

  /** A move cannot take the rows of forgotten artifacts along. */
  async #move(): Promise<void> {
    const { code, stderr } = await this.#bus.move();
    const kept = this.#model.own().filter(({ state }) => state === 'forgotten');
    if (code !== 0 && kept.length > 0) expect(stderr).toContain('CLUSTER_UNSUPPORTED');
    else expect({ code, kept: kept.filter(({ rows = [] }) => rows.length > 0) }, stderr).toEqual({ code: 0, kept: [] });
    // A cluster takes most operations only with an operator's mark, which does not move.
    if (this.#bus.cluster !== undefined)
      for (const id of this.#rejected) if (!('paths' in (this.#asked.get(id) as object))) this.#rejected.delete(id);
    await this.#compare();
  }
}

const at = <T>(list: readonly T[], which: number): T | undefined => list[which % Math.max(1, list.length)];
