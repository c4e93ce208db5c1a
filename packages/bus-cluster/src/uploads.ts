import { daemonError } from '@quantbot/bus-format';
import type { SharedUploads } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import { objectKeys } from '@quantbot/infra/bus';
import { faultPoint } from '@quantbot/infra/files';
import { isRemovable, type Objects } from '@quantbot/infra/objects';
import { pagesOf } from './pages.js';
import { type Postgres, type Queries, withAnswer } from './postgres/postgres.js';

/** What is read from the object store at once. */
const pieceBytes = 1024 * 1024;
/** How many old files one round removes. */
const tidiedAtOnce = 100;

/**
 * Returns the uploads of a cluster. The bytes are objects, one for each part. PostgreSQL has the
 * length of each file, and what each token has sent. The order is such that a crash leaves at most
 * an object that no one reads: a part is an object before it counts, and a file is forgotten after
 * its objects.
 */
export const sharedUploads = (postgres: Postgres, objects: Objects): SharedUploads => {
  const remove = async (owner: string, file: string): Promise<void> => {
    for await (const page of pagesOf(objects, objectKeys.uploadsOf(owner, file)))
      await objects.remove(page.map(({ key }) => key).filter(isRemovable));
    await withAnswer(postgres.query('DELETE FROM bus.uploads WHERE owner = $1 AND file = $2', [owner, file]));
  };
  return {
    received: async (owner, file) => {
      const [row] = await withAnswer(
        postgres.query<{ received: number }>('SELECT received FROM bus.uploads WHERE owner = $1 AND file = $2', [
          owner,
          file,
        ]),
      );
      return row?.received ?? 0;
    },
    begin: (owner, file, part, limits) =>
      withAnswer(
        postgres.transaction(async queries => {
          // So that two requests of one token do not both take the last place.
          await queries.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
            `quantbot-bus uploads ${owner}`,
          ]);
          const { received, open, sent } = await countsOf(queries, owner, file);
          if (part.start !== received) return received;
          if (open >= limits.maxOpen)
            throw daemonError(
              'UPLOAD_LIMIT',
              `${open} other files are open; ${limits.maxOpen} is the limit of a token.`,
            );
          if (sent + part.bytes > limits.maxBytesPerDay)
            throw daemonError(
              'UPLOAD_LIMIT',
              `${limits.maxBytesPerDay} bytes a day are allowed, and ${sent} were sent within a day.`,
            );
          await queries.query(
            'INSERT INTO bus.uploads (owner, file) VALUES ($1, $2) ON CONFLICT (owner, file) DO UPDATE SET at = now()',
            [owner, file],
          );
          await queries.query(
            `INSERT INTO bus.upload_bytes (owner, hour, bytes) VALUES ($1, date_trunc('hour', now()), $2)
             ON CONFLICT (owner, hour) DO UPDATE SET bytes = upload_bytes.bytes + EXCLUDED.bytes`,
            [owner, part.bytes],
          );
          return received;
        }),
      ),
    giveBack: async (owner, bytes) => {
      await withAnswer(
        postgres.query(
          `UPDATE bus.upload_bytes SET bytes = bytes - $2
           WHERE owner = $1 AND hour = (SELECT max(hour) FROM bus.upload_bytes WHERE owner = $1)`,
          [owner, bytes],
        ),
      );
    },
    put: async (owner, file, start, bytes) => {
      const key = objectKeys.uploadPart(owner, file, { start, end: start + bytes.length });
      await objects.create(key, bytes);
      const added = await withAnswer(
        postgres.query(
          `UPDATE bus.uploads SET received = greatest(received, $3), at = now()
           WHERE owner = $1 AND file = $2 AND received >= $4 RETURNING received`,
          [owner, file, start + bytes.length, start],
        ),
      );
      faultPoint('upload:shared');
      if (added.length > 0) return;
      await objects.remove([key]); // a job has taken the file meanwhile
      throw daemonError('UPLOAD_OFFSET', 'The bytes before this part are not there any more.');
    },
    read: (owner, file, from, to) => bytesOf(objects, objectKeys.uploadsOf(owner, file), from, to),
    remove,
    filesOf: async owner => {
      const rows = await withAnswer(
        postgres.query<{ file: string }>('SELECT file FROM bus.uploads WHERE owner = $1', [owner]),
      );
      return new Set(rows.map(({ file }) => file));
    },
    tidy: async keepMs => {
      const old = await postgres.query<{ owner: string; file: string }>(
        'SELECT owner, file FROM bus.uploads WHERE at < now() - make_interval(secs => $1) ORDER BY at LIMIT $2',
        [keepMs / 1000, tidiedAtOnce],
      );
      for (const { owner, file } of old) await remove(owner, file);
      await postgres.query("DELETE FROM bus.upload_bytes WHERE hour < now() - interval '2 days'");
    },
  };
};

/** Counts as on one machine: the hour that runs, and the 23 before it. */
async function countsOf(queries: Queries, owner: string, file: string) {
  const [row] = await queries.query<{ received: number; open: number; sent: number }>(
    `SELECT
       coalesce((SELECT received FROM bus.uploads WHERE owner = $1 AND file = $2), 0) AS received,
       (SELECT count(*) FROM bus.uploads WHERE owner = $1 AND file <> $2) AS open,
       (SELECT coalesce(sum(bytes), 0)::bigint FROM bus.upload_bytes
        WHERE owner = $1 AND hour > date_trunc('hour', now()) - interval '24 hours') AS sent`,
    [owner, file],
  );
  return row ?? { received: 0, open: 0, sent: 0 };
}

/**
 * Parts may overlap, because two daemons may take the same bytes. They may be removed meanwhile: a
 * job has the file.
 */
async function* bytesOf(objects: Objects, prefix: string, from: number, to: number): AsyncGenerator<Uint8Array> {
  let at = from;
  for await (const page of pagesOf(objects, prefix))
    for (const { key } of page) {
      const [, start, end] = /(\d+)-(\d+)$/.exec(key) ?? [];
      while (Number(start) <= at && at < Math.min(Number(end), to)) {
        const length = Math.min(pieceBytes, Number(end) - at, to - at);
        const piece = await objects.readRange(key, at - Number(start), length).catch(unlessMissing);
        if (piece === undefined || piece.length === 0) return;
        at += piece.length;
        yield piece;
      }
    }
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof BusError) || error.code !== 'ARTIFACT_MISSING') throw error;
}
