import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@quantbot/infra';
import { submitArtifact } from '@quantbot/infra/utils';
import { campaign } from '@quantbot/tooling-config/campaign';
import { produce } from '@quantbot/tooling-testing/parquet';
import { fc } from '@quantbot/tooling-testing/properties';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { fileThreadEntry, inspector } from '../../test/support/in-process-bus.js';
import { queryPublished } from '../../test/support/published.js';
import { type Bus, systemClock } from './bus.js';
import { compactHot, mergeTiers } from './compaction/compact.js';
import { Exporter } from './exports/exporter.js';
import { FileThreads } from './file-thread/client.js';
import type { ClaimedJob } from './job.js';
import { recoverClaimed } from './loop/recover.js';
import { openBus } from './open-bus.js';
import { Publisher } from './publish/publisher.js';
import { releaseUnused } from './publish/release.js';
import { claim } from './stages/claim.js';
import { commit, writeCommit } from './stages/commit.js';
import { decide } from './stages/decide.js';
import { discover } from './stages/discover.js';
import { store } from './stages/store.js';
import { verify } from './stages/verify.js';

/** The operations on a bus. */
type Step =
  | { do: 'submit'; key: number; content: number; canonical: boolean }
  | { do: 'retry'; which: number }
  | { do: 'batch' }
  | { do: 'crash'; after: 'claim' | 'verify' | 'decide' | 'store' | 'commit' }
  | { do: 'restart' }
  | { do: 'compact' }
  | { do: 'lose-database' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      key: fc.nat(4),
      content: fc.nat(2),
      canonical: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), which: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'batch' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      after: fc.constantFrom('claim', 'verify', 'decide', 'store', 'commit'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'compact' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'lose-database' as const }) },
) as fc.Arbitrary<Step>;

interface Submitted {
  jobId: string;
  key: number;
  content: number;
  canonical: boolean;
}

/** The expected content of a bus: a few maps, and an ordered inbox. */
class Model {
  readonly jobs: Submitted[] = [];
  readonly waiting: Submitted[] = [];
  readonly stored = new Map<number, Submitted>();
  readonly outcome = new Map<string, 'processed' | 'rejected'>();

  submit(job: Submitted): void {
    if (!this.jobs.some(there => there.jobId === job.jobId)) this.jobs.push(job);
    if (!this.waiting.some(there => there.jobId === job.jobId)) this.waiting.push(job);
  }

  /** Decides every waiting job, in order. */
  settle(): void {
    for (const job of this.waiting.splice(0)) {
      const there = this.stored.get(job.key);
      if (there === undefined) this.stored.set(job.key, job);
      const accepted = there === undefined || there.content === job.content;
      // A retry of a rejected job leaves both outcomes. Only the place of the newest counts.
      this.outcome.set(job.jobId, accepted ? 'processed' : 'rejected');
    }
  }
}

const rowsOf = (content: number): number => content + 1;

/** The real bus, run stage by stage, so that the test can stop it at any point. */
class Real {
  bus!: Bus;
  publisher!: Publisher;
  readonly files = new FileThreads(fileThreadEntry);
  #claims = 0;

  constructor(readonly test: TestBus) {}

  async open(): Promise<void> {
    const opened = await openBus(this.test.config, createLogger({ name: 'model', level: 'silent' }), {
      ...systemClock,
      newClaim: () => (++this.#claims).toString(16).padStart(16, '0'),
      files: this.files,
      assertHeld: () => {}, // the test holds no lock
    });
    this.bus = { ...opened, inspector: inspector() };
    await new Exporter(this.bus, compactor).ensureStatus();
    this.publisher = new Publisher(this.bus);
    await this.publisher.publishOrThrow();
    await this.#run(await recoverClaimed(this.bus));
  }

  /** Stops as after kill -9: without any cleanup. */
  async restart(): Promise<void> {
    this.bus.journal.close();
    await this.open();
  }

  async batch(): Promise<void> {
    await this.#run((await claim(this.bus, await discover(this.bus))).jobs);
  }

  async crash(after: Extract<Step, { do: 'crash' }>['after']): Promise<void> {
    const { jobs: claimed } = await claim(this.bus, await discover(this.bus));
    if (after !== 'claim') {
      const verified = await verify(this.bus, claimed);
      const decided = after === 'verify' ? undefined : await decide(this.bus, verified);
      const stored = decided === undefined || after === 'decide' ? undefined : await store(this.bus, decided);
      if (stored !== undefined && stored.jobs.length > 0 && after === 'commit')
        await commit(this.bus, stored, await writeCommit(this.bus, stored));
    }
    await this.restart();
  }

  async compact(): Promise<void> {
    await compactHot(this.bus, compactor);
    await mergeTiers(this.bus, compactor);
    await this.publisher.publishOrThrow();
    await releaseUnused(this.bus, []);
  }

  async close(): Promise<void> {
    this.bus?.journal.close();
    await this.files.close();
  }

  async #run(claimed: readonly ClaimedJob[]): Promise<void> {
    if (claimed.length > 0)
      await runBatch(this.bus, await verify(this.bus, claimed), () => this.publisher.publishNewTables());
  }
}

const runs = campaign(2, 24);

test('whatever happens in whatever order, the bus contains what a simple model says', {
  timeout: 60_000 + runs * 15_000,
  tags: ['campaign'],
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 4, maxLength: 14 }), async happenings => {
      const real = new Real(makeTestBus({ compaction: { release_grace_s: 0 } }));
      const contents = await Promise.all(
        [0, 1, 2].map(c => produce(real.test, `SELECT range AS n, ${c} AS c FROM range(${rowsOf(c)})`)),
      );
      const model = new Model();
      try {
        await real.open();
        for (const step of [...happenings, { do: 'restart' } as Step, { do: 'batch' } as Step]) {
          await perform(step, model, real, contents);
          await compare(model, real);
        }
        await real.restart();
        await compare(model, real);
      } finally {
        await real.close();
      }
    }),
    { numRuns: runs },
  );
});

async function perform(step: Step, model: Model, real: Real, contents: readonly string[]): Promise<void> {
  switch (step.do) {
    case 'submit':
      return submit({ jobId: `job-${String(model.jobs.length).padStart(4, '0')}`, ...step }, model, real, contents);
    case 'retry': {
      const job = model.jobs[step.which % Math.max(1, model.jobs.length)];
      return job === undefined ? undefined : submit(job, model, real, contents);
    }
    case 'batch':
      await real.batch();
      return model.settle();
    case 'crash':
      await real.crash(step.after);
      return model.settle(); // the restart settles all claimed jobs, and every waiting job was claimed
    case 'restart':
      return real.restart();
    case 'compact':
      return real.compact();
    case 'lose-database':
      rmSync(real.test.config.duckdbPath, { force: true });
      return real.publisher.publishIfMissing();
  }
}

async function submit(job: Submitted, model: Model, real: Real, contents: readonly string[]): Promise<void> {
  await submitArtifact({
    jobId: job.jobId,
    runId: `run-${job.key}`,
    producer: 'model',
    kind: 'k',
    artifactId: 'a',
    parquetPath: contents[job.content] as string,
    busRoot: real.test.layout.root,
    ...(job.canonical && { schemaHint: 'canon.things' }),
  });
  model.submit(job);
  // Jobs are taken in the order of their COMMIT files. Two within one tick of the file system's
  // clock would be ordered by name.
  await new Promise(resolve => setTimeout(resolve, 5));
}

async function compare(model: Model, real: Real): Promise<void> {
  const stored = await queryPublished(real.test, 'SELECT run_id, rows FROM catalog.artifacts_f ORDER BY run_id');
  const expected = [...model.stored.values()].sort((a, b) => a.key - b.key);
  expect(stored).toEqual(expected.map(job => ({ run_id: `run-${job.key}`, rows: rowsOf(job.content) })));
  const canonical = expected.filter(job => job.canonical);
  if (canonical.length > 0) {
    const [row] = await queryPublished(real.test, 'SELECT count(*) AS n FROM canon.things');
    expect(row?.n).toBe(canonical.reduce((sum, job) => sum + rowsOf(job.content), 0));
  }
  for (const [jobId, place] of model.outcome)
    if (!model.waiting.some(job => job.jobId === jobId))
      expect(existsSync(join(real.test.folder, 'data/bus', place, jobId))).toBe(true);
  const [seqs] = await queryPublished(
    real.test,
    'SELECT count(DISTINCT seq) AS n, coalesce(max(seq), 0) AS last FROM catalog.jobs_f',
  );
  expect(seqs?.n).toBe(seqs?.last);
}
