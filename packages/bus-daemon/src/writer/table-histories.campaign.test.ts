// @module-tag campaign
import { verifyStore } from '@quantbot/bus-care/verify';
import { createLogger } from '@quantbot/infra';
import { openCatalog } from '@quantbot/storage';
import { campaign } from '@quantbot/tooling-config/campaign';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { fc } from '@quantbot/tooling-testing/properties';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { fileThreadEntry, inspector } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { queryPublished } from '../../test/support/published.js';
import { append, idsOf, type Moment, type NewRow, type Setting, TableModel } from '../../test/support/table-model.js';
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

const settings: Setting[] = [
  append,
  { mode: 'latest', key: [], order_by: [] },
  { mode: 'upsert', key: ['k'], order_by: [] },
  { mode: 'upsert', key: ['k'], order_by: ['rev'] },
];

type Step =
  | { do: 'add'; rows: NewRow[]; hint: number }
  | { do: 'rename'; to: string }
  | { do: 'set'; setting: Setting }
  | { do: 'retype'; type: string }
  | { do: 'drop' | 'restore' | 'compact' | 'restart' }
  | { do: 'back'; which: number; hint: number }
  | { do: 'forget'; which: number; rows: 'default' | 'drop' };

const keys = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constant(null) },
);
const codes = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('1', '2', '10') },
  { weight: 1, arbitrary: fc.constantFrom('007', 'x') },
);
const rows = fc.array(fc.record({ k: keys, rev: fc.nat(3), code: codes }), { maxLength: 3 });
const step = (name: 'drop' | 'restore' | 'compact' | 'restart') => fc.constant({ do: name });
const steps = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('add' as const), rows, hint: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('rename' as const), to: fc.constantFrom('t', 'u', 'v') }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), setting: fc.constantFrom(...settings) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('retype' as const),
      type: fc.constantFrom('VARCHAR', 'BIGINT', 'DECIMAL(9,2)', 'DOUBLE'),
    }),
  },
  { weight: 1, arbitrary: step('drop') },
  { weight: 1, arbitrary: step('restore') },
  { weight: 3, arbitrary: step('compact') },
  { weight: 1, arbitrary: step('restart') },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), which: fc.nat(20), hint: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('forget' as const),
      which: fc.nat(20),
      rows: fc.constantFrom('default' as const, 'drop' as const),
    }),
  },
) as fc.Arbitrary<Step>;

/** The real bus, run stage by stage. */
class Real {
  bus!: Bus;
  publisher!: Publisher;
  /** The file of each run. */
  readonly files = new Map<string, string>();
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

  /** Submits a file of a run. */
  async submit(jobId: string, run_id: string, path: string, table: string): Promise<void> {
    const artifacts = [{ artifact_id: 't', relpath: 'a.parquet', schema_hint: `canon.${table}` }];
    await this.run(jobId, { run_id, producer: 'tests', kind: 't', artifacts }, { 'a.parquet': path });
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
  }

  async close(): Promise<void> {
    this.bus?.journal.close();
    await this.#threads.close();
  }
}

async function perform(step: Step, model: TableModel, real: Real): Promise<void> {
  const jobId = `job-${model.next}`;
  switch (step.do) {
    case 'add': {
      const named = model.named(step.rows);
      const values = named.map(
        ({ k, rev, code, id }) => `(${k === null ? 'NULL' : `'${k}'`}, ${rev}, '${code}', ${id})`,
      );
      const path = await writeSelect(
        real.test.folder,
        `SELECT k::VARCHAR AS k, rev::INTEGER AS rev, code, id::INTEGER AS id
         FROM (VALUES ${["(NULL, 0, '', 0)", ...values]}) v(k, rev, code, id) WHERE id > 0`,
      );
      real.files.set(`r${model.next}`, path);
      await real.submit(jobId, `r${model.next}`, path, model.hint(step.hint));
      return model.add(named);
    }
    case 'back': {
      const artifact = model.artifacts[step.which % Math.max(1, model.artifacts.length)];
      const run = `r${artifact?.seq ?? 0}`;
      const path = real.files.get(run);
      if (path === undefined) return;
      await real.submit(jobId, run, path, model.hint(step.hint));
      return model.bringBack(artifact);
    }
    case 'rename':
      await real.operate(jobId, { type: 'table_rename', table: model.name, to: step.to });
      return model.rename(step.to);
    case 'set':
      await real.operate(jobId, { type: 'table_set_mode', table: model.name, ...step.setting });
      return model.set(step.setting);
    case 'retype':
      await real.operate(jobId, { type: 'table_retype', table: model.name, column: 'code', column_type: step.type });
      return model.retype(step.type);
    case 'drop':
    case 'restore':
      await real.operate(jobId, { type: `table_${step.do}`, table: model.name });
      return model[step.do]();
    case 'forget': {
      const artifact = model.artifacts[step.which % Math.max(1, model.artifacts.length)];
      const artifact_keys = [artifact?.key ?? 'r0/tests/t/t'];
      await real.operate(jobId, { type: 'forget', artifact_keys, force: true, rows: step.rows });
      return model.forget(artifact, step.rows);
    }
    case 'compact':
      model.isBehind = false;
      return real.compact();
    case 'restart':
      return real.restart();
  }
}

/** Compares the table with the model, unless its files have yet to follow. */
async function compare(model: TableModel, real: Real, isCompacted: boolean): Promise<void> {
  const now = model.moments.at(-1);
  if (now === undefined) return;
  const isShown = real.bus.tables.tables().some(({ name }) => name === 't');
  if (isCompacted) expect(isShown).toBe(now.artifacts.length > 0);
  // Rows that leave a table, or come back, do so with the next compaction.
  const hasLeft = !isCompacted && model.artifacts.some(({ state }) => state === 'erased');
  if (!isShown || hasLeft || model.isBehind) return;
  const found = await queryPublished(real.test, selectOf(now));
  expect(found).toEqual(rowsOf(now));
}

const selectOf = ({ name }: Moment): string =>
  `SELECT id, CAST(code AS VARCHAR) AS code, typeof(code) AS type FROM canon.${name} ORDER BY id`;

/** The codes as their type prints them. */
function rowsOf(moment: Moment): object[] {
  const codes = new Map(moment.shown.flatMap(({ rows }) => rows.map(({ id, code }) => [id, code])));
  const fraction = { DOUBLE: '.0', 'DECIMAL(9,2)': '.00' }[moment.type] ?? '';
  return idsOf(moment).map(id => ({ id, code: `${codes.get(id)}${fraction}`, type: moment.type }));
}

async function comparePast(model: TableModel, real: Real): Promise<void> {
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
      const model = new TableModel();
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
