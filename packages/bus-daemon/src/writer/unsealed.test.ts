import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scrub } from '@quantbot/bus-care/scrub';
import { verifyStore } from '@quantbot/bus-care/verify';
import { literal } from '@quantbot/bus-format';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { checkSeal, Journal, listSegments, liveJournalFiles } from '@quantbot/bus-format/journal';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect } from 'vitest';
import { compactor, makeCommits } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { queryPublished } from '../../test/support/published.js';
import { compactHot, mergeTiers } from './compaction/compact.js';
import { incompleteTables } from './compaction/rebuild-tables.js';
import { Publisher } from './publish/publisher.js';

/** Rewrites a Parquet file like a version without seals: the same rows, but no digest. */
async function unseal(path: string): Promise<void> {
  const database = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  try {
    await database.connection.run(
      `COPY (FROM read_parquet(${literal(path)})) TO ${literal(`${path}.old`)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    database.close();
  }
  renameSync(`${path}.old`, path);
}

sampled(
  'a bus of a version that wrote no checksums is opened, has the same rows, and gets checksums as it is compacted',
  async () => {
    const { bus, test: testBus } = await openInProcess({ compaction: { release_grace_s: 0 } });
    const publisher = new Publisher(bus);
    const { layout, config } = bus;
    await makeCommits(bus, testBus, 2);
    await compactHot(bus, compactor);
    await makeCommits(bus, testBus, 2);
    await publisher.publishOrThrow();
    const everything = async () => ({
      catalog: await queryPublished(testBus, 'FROM catalog.artifacts_f ORDER BY seq'),
      table: await queryPublished(testBus, 'FROM canon.numbers ORDER BY _seq, n'),
    });
    const before = await everything();
    const files = async () => [
      ...(await liveJournalFiles(layout)).map(path => join(layout.journal, path)),
      ...(await listSegments(join(layout.canon, 'numbers'))).live.map(({ name }) =>
        join(layout.canon, 'numbers', name),
      ),
    ];
    const states = async () => new Set(await Promise.all((await files()).map(path => checkSeal(path))));

    for (const path of await files()) await unseal(path);
    for (const name of readdirSync(layout.published).filter(file => file.endsWith('.json'))) {
      const {
        sha256: _sha256,
        check: _check,
        ...record
      } = JSON.parse(readFileSync(join(layout.published, name), 'utf8'));
      writeFileSync(join(layout.published, name), JSON.stringify(record));
    }
    expect(await states()).toEqual(new Set(['unsealed']));
    (await Journal.open(layout)).close();
    expect(await incompleteTables(bus)).toEqual([]);
    expect((await verifyStore(config)).problems).toEqual([]);
    expect((await scrub(config, { pace: async () => {} })).findings).toEqual([]);
    expect(await everything()).toEqual(before);

    // A merge of a table that shows every row takes four files.
    for (let more = 0; more < 3; more++) {
      await makeCommits(bus, testBus, 1);
      await compactHot(bus, compactor);
      await mergeTiers(bus, compactor);
    }
    await publisher.publishOrThrow();
    expect(await states()).toEqual(new Set(['sound']));
    const after = await everything();
    expect([after.catalog.slice(0, 4), after.table.slice(0, 12)]).toEqual([before.catalog, before.table]);
    expect((await verifyStore(config)).problems).toEqual([]);
  },
);
