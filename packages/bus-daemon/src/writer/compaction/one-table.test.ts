import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compactor, makeCommits } from '../../../test/support/commits.js';
import { compactorThat } from '../../../test/support/compactor-that.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { queryPublished } from '../../../test/support/published.js';
import { Publisher } from '../publish/publisher.js';
import { compactHot } from './compact.js';

test('a table whose files kill the process waits, with all of its rows; every other table and the journal are compacted', async () => {
  const { bus, test: testBus } = await openInProcess();
  const tables = ['early', 'heavy', 'late'];
  for (const table of tables) await makeCommits(bus, testBus, 2, `canon.${table}`);
  const waiting: string[] = [];
  const onDamage = ({ code, message, hint }: { code: string; message: string; hint: string }, table: string) =>
    void waiting.push(`${table} ${code} ${message} ${hint}`);
  const killed = compactorThat(testBus.folder, "if (sql.includes('/heavy~')) process.kill(process.pid, 'SIGKILL');");
  expect(await compactHot(bus, killed, { onDamage })).toBe(true);
  expect(waiting).toEqual([
    expect.stringMatching(/^heavy COMPACTION_FAILED canon\.heavy could not be compacted: .*SIGKILL.*decode_memory_mb/),
  ]);
  expect(bus.journal.compactedSeq).toBe(6);
  const publisher = new Publisher(bus);
  const rows = async () => {
    await publisher.publishOrThrow();
    const counts = tables.map(table => `(SELECT count(*) FROM canon.${table}) AS ${table}`);
    return (await queryPublished(testBus, `SELECT ${counts.join(', ')}`))[0];
  };
  expect(await rows()).toEqual({ early: 6, heavy: 6, late: 6 });
  expect(await compactHot(bus, compactor, { onDamage })).toBe(true);
  expect(waiting).toHaveLength(1);
  expect(await compactHot(bus, compactor)).toBe(false);
  expect(await rows()).toEqual({ early: 6, heavy: 6, late: 6 });
});

test('a compaction that runs out of memory is tried again with twice as much as a file may take', async () => {
  const { bus, test: testBus } = await openInProcess({ limits: { decode_memory_mb: 1500 } });
  await makeCommits(bus, testBus, 1);
  const seen = join(testBus.folder, 'seen');
  // A limit in which no statement can run stands for one that is too small.
  const small = compactorThat(
    testBus.folder,
    `appendFileSync('${seen}', task.memoryMb + ' '); if (sql.includes('/numbers~') && task.memoryMb < 3000) task.memoryMb = 1;`,
  );
  expect(await compactHot(bus, small)).toBe(true);
  expect(await compactHot(bus, compactor)).toBe(false);
  expect(readFileSync(seen, 'utf8')).toBe('256 3000 256 ');
});
