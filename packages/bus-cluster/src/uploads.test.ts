import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { objectKeys } from '@quantbot/infra/bus';
import { openObjects } from '@quantbot/infra/objects';
import { type PostgresServer, startPostgres } from '@quantbot/tooling-servers/postgres';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { migrate } from './migrate.js';
import { Postgres } from './postgres/postgres.js';
import { sharedUploads } from './uploads.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const limits = { maxOpen: 3, maxBytesPerDay: 100 };
const file = 'abc-40';

/** Two daemons of one cluster. */
async function daemons() {
  const postgres = new Postgres(await server.newDatabase());
  onTestFinished(() => postgres.close());
  await migrate(postgres);
  const folder = join(temporaryFolder(), 'objects');
  mkdirSync(folder);
  const objects = await openObjects(`file://${folder}`);
  const [one, other] = [sharedUploads(postgres, objects), sharedUploads(postgres, objects)];
  const put = async (by: typeof one, start: number, end: number) => {
    await by.begin('a', file, { start, bytes: end - start }, limits);
    await by.put('a', file, start, Buffer.alloc(end - start, start));
  };
  const read = async (from: number, to: number) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of one.read('a', file, from, to)) pieces.push(piece);
    return [...Buffer.concat(pieces)];
  };
  const keys = async () => (await objects.list('uploads/')).map(({ key }) => key);
  return { postgres, objects, one, other, put, read, keys };
}

test('each daemon goes on where the other one has stopped, and reads what both have taken', async () => {
  const { one, other, put, read } = await daemons();
  await put(one, 0, 10);
  expect(await other.received('a', file)).toBe(10);
  expect(await other.begin('a', file, { start: 20, bytes: 5 }, limits)).toBe(10); // not there
  await put(other, 10, 25);
  await one.put('a', file, 10, Buffer.alloc(10, 1)); // the slow answer to an earlier request
  expect(await one.received('a', file)).toBe(25);
  const whole = await read(0, 25);
  expect([whole.length, whole.slice(0, 10)]).toEqual([25, Array(10).fill(0)]);
  expect(await read(12, 14)).toHaveLength(2);
  expect(await read(0, 40)).toHaveLength(25); // ends early
  expect(await other.received('b', file)).toBe(0); // of another token
});

test('a file that is removed while it is read ends early', async () => {
  const { one, put, objects, keys } = await daemons();
  await put(one, 0, 10);
  await put(one, 10, 20);
  const pieces = one.read('a', file, 0, 20)[Symbol.asyncIterator]();
  expect((await pieces.next()).value).toHaveLength(10);
  await objects.remove(await keys());
  expect(await pieces.next()).toEqual({ done: true, value: undefined });
});

test('a part of a file that a job has taken meanwhile leaves nothing', async () => {
  const { one, other, put, keys } = await daemons();
  await put(one, 0, 10);
  await other.remove('a', file);
  await expect(one.put('a', file, 10, Buffer.alloc(5))).rejects.toMatchObject({ code: 'UPLOAD_OFFSET' });
  expect([await one.received('a', file), await keys()]).toEqual([0, []]);
});

test('a token has its limits once, whatever daemons it asks at the same time', async () => {
  const { one, other } = await daemons();
  const begin = (i: number) => (i % 2 ? one : other).begin('a', `file${i}`, { start: 0, bytes: 1 }, limits);
  const all = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => begin(i)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(all.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'UPLOAD_LIMIT' } });
  const [known = ''] = await one.filesOf('a');
  const more = (bytes: number) => other.begin('a', known, { start: 0, bytes }, limits);
  await expect(more(98)).rejects.toMatchObject({ code: 'UPLOAD_LIMIT' });
  await more(97);
  await expect(more(1)).rejects.toMatchObject({ code: 'UPLOAD_LIMIT' });
  await one.giveBack('a', 50); // they did not come
  await more(50);
  await other.begin('b', file, { start: 0, bytes: 100 }, limits);
});

test('bytes count for a day', async () => {
  const { postgres, one } = await daemons();
  const send = () => one.begin('a', file, { start: 0, bytes: 60 }, limits);
  await send();
  const age = (hours: number) =>
    postgres.query('UPDATE bus.upload_bytes SET hour = hour - make_interval(hours => $1)', [hours]);
  await age(23);
  await expect(send()).rejects.toMatchObject({ code: 'UPLOAD_LIMIT' });
  await age(1);
  await send();
  await age(48);
  await one.tidy(1_000_000);
  expect(await postgres.query('SELECT * FROM bus.upload_bytes')).toEqual([]);
});

test('a file that nobody goes on with is removed after a while', async () => {
  const { postgres, one, put, keys } = await daemons();
  await put(one, 0, 10);
  await one.begin('b', file, { start: 0, bytes: 1 }, limits);
  await postgres.query("UPDATE bus.uploads SET at = at - interval '1 hour' WHERE owner = 'a'");
  await one.tidy(7_200_000);
  expect(await keys()).toEqual([objectKeys.uploadPart('a', file, { start: 0, end: 10 })]);
  await one.tidy(1_800_000);
  expect([await keys(), [...(await one.filesOf('a'))], [...(await one.filesOf('b'))]]).toEqual([[], [], [file]]);
});

test('a database that does not answer is an error that passes', async () => {
  const { objects } = await daemons();
  const postgres = new Postgres('postgres://bus@127.0.0.1:1/bus');
  const uploads = sharedUploads(postgres, objects);
  const unreachable = { code: 'POSTGRES_UNREACHABLE' };
  await expect(uploads.received('a', file)).rejects.toMatchObject(unreachable);
  await expect(uploads.begin('a', file, { start: 0, bytes: 1 }, limits)).rejects.toMatchObject(unreachable);
  await postgres.close();
});
