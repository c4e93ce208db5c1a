import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { objectKeys, storeObjectKey } from '../bus-layout.js';
import { digestOf } from '../files/digest.js';
import { parseManifest, parseObjectManifest } from '../manifest.js';
import { openObjects } from '../objects/index.js';
import { objectInbox } from './served-inbox.js';

const content = Buffer.from('the content of a file');
const { sha256, bytes } = digestOf(content);
const ids = { run_id: 'r', producer: 'p', kind: 'k' };

/** An inbox on an object store, and a job of one file that was sent. */
async function prepared() {
  const folder = temporaryFolder();
  const objects = await openObjects(pathToFileURL(join(folder, 'objects')).href);
  const sent = (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  return {
    objects,
    inbox: objectInbox(objects),
    sent,
    keys: async () => (await objects.list('')).map(({ key }) => key),
  };
}

const manifestOf = (more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      manifest_version: 1,
      job_id: 'job',
      ...ids,
      created_at_utc: '2026-11-29T10:00:00Z',
      artifacts: [{ artifact_id: 'a', format: 'parquet', relpath: '0.parquet', rows: 1, sha256, bytes, note: 'kept' }],
      ...more,
    }),
  );

test('a job that was sent is in the store under its final key, and its manifest names that', async () => {
  const { inbox, keys, objects, sent } = await prepared();
  const path = sent('one');
  const waiting = await inbox.submit(manifestOf(), new Map([['0.parquet', path]]));
  const object = storeObjectKey({ runId: 'r', producer: 'p', kind: 'k', artifactId: 'a' }, sha256);
  const entry = objectKeys.inbox('job', digestOf(waiting).sha256);
  expect(await keys()).toEqual([entry, object]);
  expect(await objects.read(object, 1000)).toEqual(content);
  expect(await objects.read(entry, 10_000)).toEqual(Buffer.from(waiting));
  expect(parseObjectManifest(waiting).artifacts).toEqual([
    { artifact_id: 'a', format: 'parquet', object, rows: 1, sha256, bytes, note: 'kept' },
  ]);
  expect(existsSync(path)).toBe(false);
});

test('several files go on to the store at once, and the manifest after all of them', async () => {
  const { objects, sent } = await prepared();
  const begun: string[] = [];
  let [running, most] = [0, 0];
  const slow = objectInbox({
    ...objects,
    create: async (key, ...given) => {
      most = Math.max(most, ++running);
      begun.push(`${key} beside ${running - 1}`);
      await sleep(20);
      const created = await objects.create(key, ...given);
      running--;
      return created;
    },
    list: objects.list.bind(objects),
  });
  const names = Array.from({ length: 10 }, (_, index) => `${index}`);
  const artifacts = names.map(name => ({
    ...{ artifact_id: name, format: 'parquet', relpath: name, rows: 1, sha256, bytes },
  }));
  await slow.submit(manifestOf({ artifacts }), new Map(names.map(name => [name, sent(name)])));
  expect([begun.length, most]).toEqual([11, 4]);
  expect(begun.at(-1)).toMatch(/^inbox\/job~.* beside 0$/);
});

test('a waiting job of the same content is fine, and one of other content is JOB_ID_IN_USE', async () => {
  const { inbox, keys, sent } = await prepared();
  expect(await inbox.waiting(parseManifest(manifestOf()))).toBeUndefined();
  const first = await inbox.submit(manifestOf(), new Map([['0.parquet', sent('one')]]));
  const later = manifestOf({ created_at_utc: '2026-11-29T11:00:00Z' });
  expect(await inbox.waiting(parseManifest(later))).toEqual(Buffer.from(first));
  expect(await inbox.submit(later, new Map([['0.parquet', sent('two')]]))).toEqual(Buffer.from(first));
  expect((await keys()).length).toBe(2);
  const other = manifestOf({ run_id: 'other' });
  await expect(inbox.waiting(parseManifest(other))).rejects.toMatchObject({ code: 'JOB_ID_IN_USE' });
  const kept = sent('three');
  await expect(inbox.submit(other, new Map([['0.parquet', kept]]))).rejects.toMatchObject({ code: 'JOB_ID_IN_USE' });
  expect(existsSync(kept)).toBe(true);
});

test('a file that is gone, or is not the one of the manifest, submits nothing', async () => {
  const { inbox, keys, sent } = await prepared();
  const gone = inbox.submit(manifestOf(), new Map([['0.parquet', '/nowhere/file']]));
  await expect(gone).rejects.toMatchObject({ code: 'ENOENT' });
  const path = sent('one');
  writeFileSync(path, 'another content');
  const changed = inbox.submit(manifestOf(), new Map([['0.parquet', path]]));
  await expect(changed).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  expect(await keys()).toEqual([]);
});

test('an operation that producers may not ask for is shown to be one of an operator', async () => {
  const { inbox, keys, objects } = await prepared();
  const op = { type: 'forget', artifact_keys: ['r/p/k/a'], force: true, rows: 'drop', reason: null, by: null };
  const asked = { producer: 'quantbot-bus', kind: 'operation', run_id: 'job', artifacts: [], op };
  const waiting = await inbox.submit(manifestOf(asked), new Map());
  const { sha256: shown } = digestOf(waiting);
  expect(await keys()).toEqual([objectKeys.inbox('job', shown), objectKeys.operator('job')]);
  expect(String(await objects.read(objectKeys.operator('job'), 100))).toBe(shown);
});
