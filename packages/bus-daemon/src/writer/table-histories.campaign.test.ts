// @module-tag campaign
import { verifyStore } from '@quantbot/bus-care/verify';
import { createLogger } from '@quantbot/infra';
import { openCatalog } from '@quantbot/storage';
import { campaign } from '@quantbot/tooling-config/campaign';
import {
  BusModel,
  type Job,
  keyOf,
  type Moment,
  type NewRow,
  type Op,
  shownRows,
  type TableOp,
} from '@quantbot/tooling-testing/bus-model';
import { fc } from '@quantbot/tooling-testing/properties';
import { someRows, someTableOp, writeRows } from '@quantbot/tooling-testing/table-steps';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { fileThreadEntry, inspector } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { queryPublished } from '../../test/support/published.js';
import { type Bus, randomClaim, systemClock } from './bus.js';
import { compactHot, mergeTiers } from './compaction/compact.js';
import { followModes } from './compaction/rebuild-tables.js';
import { removeForgotten } from './compaction/remove-forgotten.js';
import { Exporter } from './exports/exporter.js';
import { FileThreads } from './file-thread/client.js';
import { openBus } from './open-bus.js';
import { Publisher } from './publish/publisher.js';
import { releaseUnused } from './publish/release.js';
import { tableFactsOf } from './stages/table-operation.js';
import { verify } from './stages/verify.js';

type Step =
  | { do: 'add'; rows: NewRow[]; name: number }
  | { do: 'back'; which: number; name: number }
  | { do: 'table'; op: TableOp }
  | { do: 'forget'; which: number; rows: 'default' | 'drop' }
  | { do: 'compact' | 'restart' };

const just = <T extends string>(name: T) => fc.constant(name);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: just('add'), rows: someRows, name: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: just('back'), which: fc.nat(20), name: fc.nat(5) }) },
  { weight: 14, arbitrary: fc.record({ do: just('table'), op: someTableOp }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: just('forget'), which: fc.nat(20), rows: fc.constantFrom('default', 'drop') }),
  },
  { weight: 3, arbitrary: fc.record({ do: just('compact') }) },
  { weight: 1, arbitrary: fc.record({ do: just('restart') }) },
);

/** The real bus, run stage by stage. */
class Real {
  bus!: Bus;
  publisher!: Publisher;
  /** The jobs with files, and their files, by the keys of their artifacts. */
  readonly jobs = new Map<string, { job: Job; path: string }>();
  /** Whether rows have come back that the compacted files lack. */
  isBehind = false;
  readonly #threads = new FileThreads(fileThreadEntry);

  constructor(readonly test: TestBus) {}

  async open(): Promise<void> {
    const opened = await openBus(this.test.config, createLogger({ name: 'model', level: 'silent' }), {
      ...systemClock,
      newClaim: randomClaim,
      files: this.#threads,
      assertHeld: () => {}, // the test holds no lock
    });
    const own = { ...opened, inspector: inspector() };
    this.bus = { ...own, tableFacts: tableFactsOf(own) };
    await new Exporter(this.bus, compactor).ensureStatus();
    this.publisher = new Publisher(this.bus);
    await this.publisher.publishOrThrow();
  }

  /** Stops as after kill -9: without any cleanup. */
  async restart(): Promise<void> {
    this.bus.journal.close();
    await this.open();
  }

  async run(jobId: string, manifest: object, files: Record<string, string> = {}): Promise<void> {
    const claimed = putClaimed(this.bus, { jobId, files, manifest: manifest as never });
    await runBatch(this.bus, await verify(this.bus, [claimed]), () => this.publisher.publishNewTables());
  }

  /** Submits the file of a job. */
  async submit(jobId: string, { job, path }: { job: Job; path: string }, schema_hint: string): Promise<void> {
    const artifacts = [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint }];
    await this.run(jobId, { run_id: job.run, producer: 'tests', kind: 'k', artifacts }, { 'a.parquet': path });
  }

  async operate(jobId: string, op: object): Promise<void> {
    await this.run(jobId, { artifacts: [], op: { ...op, reason: null, by: null } });
  }

  async compact(): Promise<void> {
    await compactHot(this.bus, compactor);
    await followModes(this.bus, compactor, error => {
      throw error;
    });
    await mergeTiers(this.bus, compactor);
    await removeForgotten(this.bus, 0);
    await this.publisher.publishOrThrow();
    await releaseUnused(this.bus, []);
    this.isBehind = false;
  }

  async close(): Promise<void> {
    this.bus?.journal.close();
    await this.#threads.close();
  }
}

async function perform(step: Step, model: BusModel, real: Real): Promise<void> {
  const jobId = `job-${model.next}`;
  const operate = async (op: Op): Promise<void> => {
    await real.operate(jobId, op);
    model.apply(op);
  };
  const artifactOf = ({ which }: { which: number }) => model.artifacts[which % Math.max(1, model.artifacts.length)];
  switch (step.do) {
    case 'add': {
      const rows = model.named(step.rows);
      const job = { run: jobId, content: jobId, inputs: [], files: [{ rows, hasHint: true, x: null }] };
      const written = { job, path: await writeRows(real.test.folder, rows) };
      real.jobs.set(keyOf(jobId, 0), written);
      await real.submit(jobId, written, model.hint(step.name));
      return void model.apply(job);
    }
    case 'back': {
      const artifact = artifactOf(step);
      const written = artifact && real.jobs.get(artifact.key);
      if (written === undefined) return;
      const wasErased = artifact?.state === 'erased';
      await real.submit(jobId, written, model.hint(step.name));
      model.apply(written.job);
      real.isBehind ||= wasErased && artifact?.state === 'there';
      return;
    }
    case 'table':
      return operate({ ...step.op, table: model.name });
    case 'forget': {
      const artifact_keys = [artifactOf(step)?.key ?? keyOf('r0', 0)];
      return operate({ type: 'forget', artifact_keys, force: true, rows: step.rows });
    }
    case 'compact':
      return real.compact();
    case 'restart':
      return real.restart();
  }
}

/** Compares the table with the model, unless its files have yet to follow. */
async function compare(model: BusModel, real: Real, isCompacted: boolean): Promise<void> {
  const now = model.moments.at(-1);
  if (now === undefined) return;
  const isShown = real.bus.tables.tables().some(({ name }) => name === 't');
  if (isCompacted) expect(isShown).toBe(now.artifacts.length > 0);
  // Rows that leave a table, or come back, do so with the next compaction.
  const hasLeft = !isCompacted && model.artifacts.some(({ state }) => state === 'erased');
  if (!isShown || hasLeft || real.isBehind) return;
  const found = await queryPublished(real.test, selectOf(now));
  expect(found).toEqual(rowsOf(now));
}

const selectOf = ({ name }: Moment): string =>
  `SELECT id, CAST(code AS VARCHAR) AS code, typeof(code) AS type FROM canon.${name} ORDER BY id`;

const rowsOf = (moment: Moment): object[] => shownRows(moment).map(({ id, code }) => ({ id, code, type: moment.type }));

async function comparePast(model: BusModel, real: Real): Promise<void> {
  await using catalog = await openCatalog({ duckdbPath: real.test.config.duckdbPath });
  for (const [index, moment] of model.moments.entries()) {
    if (moment.artifacts.some(({ state }) => state !== 'there')) continue; // says what is forgotten
    await using past = await catalog.asOf(index + 1);
    const listed = await past.query('SELECT table_name AS name, mode, key, order_by FROM catalog.tables_d');
    if (moment.artifacts.length === 0) continue;
    expect(listed).toEqual([{ name: moment.name, ...moment.setting }]);
    expect(await past.query(selectOf(moment))).toEqual(rowsOf(moment));
  }
}

const runs = campaign(1, 12);
const timeLimitMs = 120_000 + runs * 30_000;

test('whatever happens to a table in whatever order, its rows now and in the past are those of a simple model', {
  timeout: timeLimitMs,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 8, maxLength: 24 }), async happenings => {
      const real = new Real(makeTestBus({ compaction: { release_grace_s: 0 } }));
      const model = new BusModel();
      try {
        await real.open();
        for (const happening of happenings) {
          await perform(happening, model, real);
          await compare(model, real, happening.do === 'compact');
        }
        await real.restart();
        await real.compact();
        await compare(model, real, true);
        await comparePast(model, real);
        expect((await verifyStore(real.test.config)).problems).toEqual([]);
      } finally {
        await real.close();
      }
    }),
    // The search for a shorter history that fails must end before the time does.
    { numRuns: runs, interruptAfterTimeLimit: timeLimitMs - 60_000 },
  );
});
