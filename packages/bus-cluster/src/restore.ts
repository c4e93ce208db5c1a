import { daemonError, type OnProgress } from '@quantbot/bus-format';
import { busError } from '@quantbot/infra/bus';
import { faultPoint } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import { type ArchivedJournal, archivedJournal, downloadJournal, readJournalFile } from './archive.js';
import { appendHistory } from './history.js';
import { rowsBetween } from './journal.js';
import { migrate } from './migrate.js';
import { busIdOf } from './objects-of-bus.js';
import type { Postgres } from './postgres/postgres.js';

const pageSize = 1000;

/** The content of a restored journal. */
export interface RestoredJournal {
  busId: string;
  /** The last job. */
  lastSeq: number;
  /** Jobs that the database did not have before. */
  restored: number;
}

/**
 * Rebuilds the schema `bus` from the object store, in an empty database or in one that was restored
 * to an earlier state. Each step is one transaction, so it can be interrupted at any moment and run
 * again. Jobs that are not in the bucket's journal are still in its inbox.
 *
 * @throws BusError `BUS_ROOT_NOT_FOUND`, `BUS_ROOT_INVALID` if the database has another bus;
 * DaemonError `JOURNAL_DAMAGED`, `DATABASE_NOT_LOST` if it has jobs that the bucket lacks,
 * `JOURNALS_DIFFER`, `JOURNAL_BUSY`, `CLUSTER_NEWER`.
 */
export async function restoreJournal(
  postgres: Postgres,
  objects: Objects,
  onProgress: OnProgress = () => {},
): Promise<RestoredJournal> {
  const busId = await busIdOf(objects);
  if (busId === undefined) throw busError('BUS_ROOT_NOT_FOUND', `${objects.url} has no marker of a bus.`);
  const archived = await archivedJournal(objects);
  await mustBeWhole(objects, archived);
  const { lastSeq, live } = archived;
  await migrate(postgres);
  const before = await beginAt(postgres, objects, { busId, lastSeq });
  let seq = before;
  for (const segment of live) {
    if (segment.last < seq) continue;
    const { path: folder, remove } = makeOwnFolder('restore');
    try {
      const [path = ''] = await downloadJournal(objects, [segment], folder);
      if (segment.first <= before) await mustAgree(postgres, path, before);
      for await (const rows of readJournalFile(path, seq)) {
        await appendHistory(postgres, rows);
        faultPoint('restore:appended');
        seq = rows.at(-1)?.seq ?? seq;
        onProgress({ done: seq, total: lastSeq, unit: 'jobs', what: 'database' });
      }
    } finally {
      remove();
    }
  }
  if (before === 0 && !(await hasForgotten(postgres))) await removeLake(objects);
  return { busId, lastSeq, restored: seq - before };
}

async function mustBeWhole(objects: Objects, { seq, lastSeq }: ArchivedJournal): Promise<void> {
  if (seq < lastSeq)
    throw daemonError(
      'JOURNAL_DAMAGED',
      `${objects.url}/journal has gaps before seq ${lastSeq}: seq ${seq + 1} is missing.`,
      {
        hint: 'Restore the missing objects from earlier versions of the bucket. Then run the command again.',
      },
    );
  if (lastSeq === 0 && (await objects.list('receipts/', { limit: 1 })).length > 0)
    throw daemonError('JOURNAL_DAMAGED', `${objects.url} has receipts and no journal.`, {
      hint: 'Restore the objects below journal/ from earlier versions of the bucket. Then run the command again.',
    });
}

/** Returns the seq after which to continue. */
async function beginAt(
  postgres: Postgres,
  objects: Objects,
  { busId, lastSeq }: { busId: string; lastSeq: number },
): Promise<number> {
  await postgres.query('UPDATE bus.head SET bus_id = $1 WHERE seq = 0', [busId]);
  const [head = { seq: 0, busId }] = await postgres.query<{ seq: number; busId: string }>(
    'SELECT seq, bus_id AS "busId" FROM bus.head',
  );
  if (head.busId !== busId)
    throw busError(
      'BUS_ROOT_INVALID',
      `${objects.url} belongs to the bus ${busId}; the database has the bus ${head.busId}.`,
      {
        hint: 'Give an empty database, or correct cluster.objects.',
      },
    );
  if (head.seq > lastSeq)
    throw daemonError(
      'DATABASE_NOT_LOST',
      `The database has jobs up to seq ${head.seq}, and the journal in ${objects.url} ends at seq ${lastSeq}.`,
    );
  return head.seq;
}

/** Checks that the objects have the last job of the database under the same seq. */
async function mustAgree(postgres: Postgres, path: string, seq: number): Promise<void> {
  const [row] = await rowsBetween(postgres, seq, seq);
  for await (const [there] of readJournalFile(path, seq - 1)) {
    if (there?.claim === row?.claim) return;
    throw daemonError(
      'JOURNALS_DIFFER',
      `The database and the bucket have different jobs under seq ${seq}: ${row?.job_id} and ${there?.job_id}.`,
    );
  }
}

/** Files of the lake may be the only ones that have the rows of forgotten artifacts. */
async function hasForgotten(postgres: Postgres): Promise<boolean> {
  return (await postgres.query(`SELECT 1 FROM bus.journal WHERE status IN ('forgotten', 'erased') LIMIT 1`)).length > 0;
}

/** Removes files of the lake. The lake was lost with the database, so nothing names them. */
async function removeLake(objects: Objects): Promise<void> {
  for (;;) {
    const page = await objects.list('lake/', { limit: pageSize });
    if (page.length === 0) return;
    await objects.remove(page.map(({ key }) => key));
  }
}
