import { emptyRow, type JournalRow } from '@quantbot/bus-format/journal';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { condemnOrphans } from './care/gc/condemn-orphans.js';
import { commitBatch } from './journal.js';
import { migrate } from './migrate.js';
import { atTheirPlaces } from './places.js';
import { Postgres } from './postgres/postgres.js';
import { condemn, nextRemoval, noteRemoved } from './removal.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const first = 'store/p/k/r@a.0123456789abcdef.parquet';
const second = 'store/p/k/r@a.0123456789abcdef~0000000000000002.parquet';

async function journal() {
  const postgres = new Postgres(await server.newDatabase());
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  let seq = 0;
  return {
    postgres,
    /** Commits a job with one row about the artifact, and returns what it saw under the lock. */
    async turn(status: JournalRow['status'], relPath: string) {
      const claim = `claim-${++seq}`;
      const job = { claim, jobId: claim, manifestSha256: '', retryOf: 0 };
      let condemned: string[] = [];
      await commitBatch(
        postgres,
        { jobs: [job], keys: ['r/p/k/a'], objects: [relPath], schemasAfter: 0 },
        async head => {
          condemned = [...head.condemned];
          const ofRow = { status, artifact_key: 'r/p/k/a', sha256: 'x', rel_path: relPath };
          return {
            rows: [{ ...emptyRow, ...ofRow, seq, ordinal: 0, claim, job_id: claim, committed_at: 0 }],
            tables: [],
          };
        },
      );
      return condemned;
    },
    async condemn() {
      const removal = await nextRemoval(postgres, { upTo: seq, graceMs: 0 });
      return { objects: await condemn(postgres, removal?.due ?? []), upTo: removal?.upTo ?? 0 };
    },
    place: async () =>
      (
        await atTheirPlaces(postgres, [
          { ...emptyRow, status: 'ingested' as const, artifact_key: 'r/p/k/a', rel_path: first },
        ])
      )[0]?.rel_path,
  };
}

test('an object that came again before its removal was decided stays, and keeps its key', async () => {
  const bus = await journal();
  await bus.turn('ingested', first);
  await bus.turn('forgotten', first);
  expect(await bus.turn('restored', first)).toEqual([]);
  expect(await bus.condemn()).toMatchObject({ objects: [] });
  await bus.turn('forgotten', first);
  expect(await bus.turn('restored', first)).toEqual([]);
});

test('once its removal was decided, the key of an object is never used again', async () => {
  const bus = await journal();
  await bus.turn('ingested', first);
  await bus.turn('forgotten', first);
  expect((await bus.condemn()).objects).toEqual([first]);
  expect(await bus.turn('restored', second)).toEqual([first]);
  expect(await bus.place()).toBe(second);
  // The daemon that has decided is gone. Another one removes the old object, and not the new one.
  const again = await bus.condemn();
  expect(again.objects).toEqual([first]);
  await noteRemoved(bus.postgres, again.upTo);
  expect((await bus.condemn()).objects).toEqual([]);
  await bus.turn('erased', second);
  expect((await bus.condemn()).objects.sort()).toEqual([first, second]);
});

test('an object without a row is condemned for ever, and one that was committed meanwhile is not', async () => {
  const bus = await journal();
  const odd = 'store/no name of ours';
  await bus.turn('ingested', second);
  expect(await condemnOrphans(bus.postgres, [first, second, odd])).toEqual([first, odd]);
  expect(await condemnOrphans(bus.postgres, [first, odd])).toEqual([first, odd]);
  expect(await bus.postgres.query('SELECT object FROM bus.condemned')).toEqual([{ object: first }]);
  expect(await bus.turn('duplicate', second)).toEqual([]);
  expect(await bus.turn('duplicate', first)).toEqual([first]);
});
