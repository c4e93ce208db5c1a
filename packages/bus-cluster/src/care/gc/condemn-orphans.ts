import { faultPoint } from '@quantbot/infra/files';
import { artifactsOfObjects, storeKey } from '../../places.js';
import type { Postgres, Queries } from '../../postgres/postgres.js';

/** Returns the objects that the journal names, among others. */
export const namedInJournal = async (queries: Queries, objects: readonly string[]): Promise<Set<string>> =>
  new Set((await artifactsOfObjects(queries, objects)).map(({ rel_path }) => rel_path ?? ''));

/**
 * Condemns stored objects that no row of the journal names: from now on they may be removed at any
 * time, and no commit names them. It looks under the lock of commits, so a job that was committed
 * since the caller's own look keeps its objects.
 *
 * @returns the condemned ones.
 */
export async function condemnOrphans(postgres: Postgres, objects: readonly string[]): Promise<string[]> {
  if (objects.length === 0) return [];
  const orphans = await postgres.transaction(async queries => {
    await queries.query('SELECT seq FROM bus.head FOR UPDATE');
    const named = await namedInJournal(queries, objects);
    const found = objects.filter(object => !named.has(object));
    // No commit can name an object with another kind of name, and such a name may be very long.
    await queries.query('INSERT INTO bus.condemned SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [
      found.filter(object => storeKey.test(object)),
    ]);
    return found;
  });
  faultPoint('gc:condemned');
  return orphans;
}
