import { isDeepStrictEqual } from 'node:util';
import { DaemonError } from '@quantbot/bus-format';
import type { Segment } from '@quantbot/bus-format/journal';
import type { Objects } from '@quantbot/infra/objects';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import { archivedJournal, downloadJournal, readJournalFile } from '../archive.js';
import { historyBetween } from '../history.js';
import type { Queries } from '../postgres/postgres.js';
import { lastSettled } from '../settling.js';

/** An object of the journal that is damaged or missing, or that differs from PostgreSQL. */
export interface ArchiveProblem {
  what: string;
  detail: string;
  /** The jobs that no sound object has, if PostgreSQL has them. */
  lost?: { first: number; last: number; damaged?: string };
}

const cures = {
  lost: 'run quantbot-bus scrub, which writes it again from PostgreSQL',
  differs: 'if PostgreSQL is right, remove the object, then run quantbot-bus scrub',
};

/** Compares the rows of every object of the journal with those of PostgreSQL. */
export async function compareArchive(postgres: Queries, objects: Objects): Promise<ArchiveProblem[]> {
  const settled = await lastSettled(postgres); // before the objects, which have all of them
  const { live } = await archivedJournal(objects);
  const problems: ArchiveProblem[] = [];
  let seq = 0;
  const mustReach = (last: number) => {
    if (last <= seq) return;
    const lost = { first: seq + 1, last };
    problems.push({ what: 'journal/', detail: `no object has the jobs ${seq + 1} to ${last}; ${cures.lost}`, lost });
  };
  for (const segment of live) {
    mustReach(segment.first - 1);
    const { name, first, last } = segment;
    seq = Math.max(seq, last);
    const detail = await differenceIn(postgres, objects, segment);
    if (detail === isRotten && last <= settled)
      problems.push({ what: name, detail: `${detail}; ${cures.lost}`, lost: { first, last, damaged: name } });
    else if (detail !== undefined) problems.push({ what: name, detail: `${detail}; ${cures.differs}` });
  }
  mustReach(settled);
  return problems;
}

const isRotten = 'its checksum does not match';

async function differenceIn(postgres: Queries, objects: Objects, segment: Segment): Promise<string | undefined> {
  if ((await objects.head(segment.name)) === undefined) return undefined; // folded meanwhile
  const { path: folder, remove } = makeOwnFolder('journal');
  try {
    const [path = ''] = await downloadJournal(objects, [segment], folder);
    let seq = segment.first - 1;
    for await (const rows of readJournalFile(path, seq)) {
      const last = rows.at(-1)?.seq ?? seq;
      if (!isDeepStrictEqual(rows, await historyBetween(postgres, seq + 1, last)))
        return `it has other rows than PostgreSQL for the jobs ${seq + 1} to ${last}`;
      seq = last;
    }
    return seq === segment.last ? undefined : `it ends at seq ${seq}`;
  } catch (error) {
    if (error instanceof DaemonError && error.code === 'JOURNAL_DAMAGED') return isRotten;
    throw error;
  } finally {
    remove();
  }
}
