// @module-tag campaign
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startDaemon } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { submitOperation } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { submitArtifact } from '@quantbot/infra/utils';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test, vi } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

type Attack = (objects: Objects, key: string, good: Buffer) => Promise<unknown>;

const flip: Attack = (objects, key, good) => {
  const bad = Buffer.from(good);
  bad[bad.length >> 1] = (bad[bad.length >> 1] ?? 0) ^ 1;
  return objects.replace(key, bad);
};

/** Attacks on what shows that an operator asks for a job. */
const onOperators: Record<string, Attack> = {
  'flips a bit of': flip,
  cuts: (objects, key, good) => objects.replace(key, good.subarray(0, 10)),
  empties: (objects, key) => objects.replace(key, Buffer.alloc(0)),
  'writes a lot into': (objects, key, good) => objects.replace(key, Buffer.alloc(20_000_000, good)),
  'exchanges by another': (objects, key) => objects.replace(key, Buffer.from(hash('sha256', 'another'))),
  deletes: (objects, key) => objects.remove([key]),
};

const part = (name: string) => `0000000000${name}`;

/** Attacks on the first part of a file that is sent over HTTP. */
const onUploads: Record<string, Attack> = {
  'flips a bit of': flip,
  cuts: (objects, key, good) => objects.replace(key, good.subarray(0, 10)),
  empties: (objects, key) => objects.replace(key, Buffer.alloc(0)),
  'adds to': (objects, key, good) => objects.replace(key, Buffer.concat([good, good])),
  deletes: (objects, key) => objects.remove([key]),
  'puts a longer one before': (objects, key) =>
    objects.create(`${dirname(key)}/${part('000000-09999999')}`, Buffer.alloc(5)),
  'puts junk beside': (objects, key) => objects.create(`${dirname(key)}/00/junk`, Buffer.alloc(5_000_000)),
};

/** Writes an object past the client, which refuses some names. */
function put({ folder }: TestCluster, key: string, content: string | Buffer = 'x'): void {
  const path = join(folder, 'objects', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  const twoDaysAgo = Date.now() / 1000 - 172_800;
  utimesSync(path, twoDaysAgo, twoDaysAgo);
}

const drained = (bus: TestCluster) => bus.done('start', '--drain');

async function problemsOf(bus: TestCluster, ...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await bus.command(...args, '--json');
  expect(stderr).toBe('');
  const { problems, findings } = JSON.parse(stdout) as { problems?: Problem[]; findings?: Problem[] };
  return (problems ?? findings ?? []).map(({ code, what }) => `${code} ${what}`);
}

interface Problem {
  code: string;
  what: string;
}

describeClusters(
  'an attack that',
  (newCluster, kind) => {
    test('changes what an operator shows has nothing done, and hurts no other job', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      for (const x of [0, 1]) await bus.submit(`job-${x}`, x);
      await drained(bus);
      const forget = async (runId: string) => {
        const before = await bus.names('operators/');
        const who = { reason: null, by: null };
        await submitOperation(
          { type: 'forget', artifact_keys: [`${runId}/p/k/a`], rows: 'drop', force: true, ...who },
          { busRoot: bus.objects },
        );
        const [key = ''] = (await bus.names('operators/')).filter(name => !before.includes(name));
        return { key, jobId: key.slice('operators/'.length) };
      };
      for (const [title, attack] of Object.entries(onOperators)) {
        const { key, jobId } = await forget('job-0');
        await attack(objects, key, (await objects.read(key, 100)) as Buffer);
        await bus.submit(`beside-${jobId}`, 2);
        await drained(bus);
        const reason = JSON.parse(String(await objects.read(`rejected/${jobId}.json`, 100_000)));
        expect.soft(reason, title).toMatchObject({ code: 'OPERATION_FORBIDDEN' });
        expect(await bus.names(`receipts/beside-${jobId}`), title).toHaveLength(1);
      }
      expect(await bus.rows('SELECT x FROM canon.ticks WHERE x < 2 ORDER BY x')).toEqual([{ x: 0n }, { x: 1n }]);
      await forget('job-1');
      await drained(bus);
      expect(await bus.rows('SELECT x FROM canon.ticks WHERE x < 2')).toEqual([{ x: 0n }]);
      for (const command of [['verify', '--deep'], ['scrub']]) expect(await problemsOf(bus, ...command)).toEqual([]);
    });

    test.skipIf(kind !== 'file')('uses names that no program of the bus would stops neither jobs nor gc', async () => {
      const bus = await newCluster();
      await bus.submit('job-0', 0);
      const long = Array.from({ length: 4 }, () => 'x'.repeat(240)).join('/');
      for (const prefix of ['inbox', 'store', 'operators']) {
        for (const name of ['a\\b', 'a\nb', 'folder/x', 'job-9', long]) put(bus, `${prefix}/${name}`);
      }
      const [stored = ''] = await bus.names('store/p/k/job-0@a');
      put(bus, 'store/same\\bytes', readFileSync(join(bus.folder, 'objects', stored)));
      await drained(bus);
      await drained(bus);
      expect(await bus.names('receipts/')).toEqual(['receipts/job-0.json']);
      expect(await bus.names('inbox/')).toEqual([`inbox/${long}`]);
      expect(await problemsOf(bus, 'verify', '--deep')).toContain(`ORPHAN store/${long}`);
      expect(await problemsOf(bus, 'verify', '--erased', 'job-0/p/k/a')).toContain('NOT_ERASED store/same\\bytes');
      await bus.command('doctor');
      await bus.done('gc', '--keep-unfinished', '0s', '--keep', '0s', '--apply');
      expect(await bus.names('operators/')).toEqual([`operators/${long}`]);
      expect((await bus.names('store/')).filter(name => !name.includes('job-0@'))).toEqual([`store/${long}`]);
    });

    test('changes a part of a file over HTTP costs its sender one attempt, and others nothing', async () => {
      const token = 'a-token-of-a-test-0123456789';
      const bus = await newCluster({ http: { listen: '127.0.0.1:0', token_file: 'token' } });
      writeFileSync(join(bus.folder, 'token'), token);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
      const serve = async () => {
        const { config } = findBusConfig({ config: bus.config });
        const daemon = await startDaemon({ config, logger: createLogger({ name: 'test', level: 'silent' }) });
        onTestFinished(() => daemon.stop());
        return daemon.url ?? '';
      };
      const [one, other] = [await serve(), await serve()];
      const objects = await openObjects(bus.objects);
      const begin = async (content: Buffer) => {
        const headers = { Authorization: `Bearer ${token}`, 'Content-Range': `bytes 0-999/${content.length}` };
        const path = `/api/v1/uploads/${hash('sha256', content)}-${content.length}`;
        const sent = await fetch(`${one}${path}`, { method: 'PUT', body: content.subarray(0, 1000), headers });
        expect(sent.ok).toBe(true);
        return { key: (await bus.names('uploads/')).find(name => name.includes(hash('sha256', content))) ?? '' };
      };
      const submit = async (runId: string, parquetPath: string) => {
        const job = { runId, producer: 'p', kind: 'k', artifactId: 'a', parquetPath };
        return (await submitArtifact({ busRoot: other, ...job })).settled();
      };
      for (const [index, [title, attack]] of Object.entries(onUploads).entries()) {
        const [hurt, beside] = await Promise.all(
          ['hash(range)', '-range'].map(x =>
            writeSelect(bus.folder, `SELECT ${index} AS i, ${x} AS x FROM range(9999)`),
          ),
        );
        const content = readFileSync(hurt ?? '');
        const { key } = await begin(content);
        await begin(readFileSync(beside ?? ''));
        await attack(objects, key, (await objects.read(key, 10_000)) as Buffer);
        const first = await submit(`hurt-${index}`, hurt ?? '').catch((error: { code: string }) => error);
        if (first instanceof Error) expect(first, title).toMatchObject({ code: 'CHECKSUM_MISMATCH' });
        const settled = await submit(`hurt-${index}`, hurt ?? '');
        expect(settled.artifacts, title).toMatchObject([{ sha256: hash('sha256', content) }]);
        expect(await submit(`beside-${index}`, beside ?? ''), title).toMatchObject({ status: 'ingested' });
      }
      expect(await problemsOf(bus, 'verify', '--deep')).toEqual([]);
    });
  },
  ['campaign'],
);
