// @module-tag campaign
import {
  dismissJobs,
  dropTable,
  forgetArtifacts,
  keepArtifacts,
  restoreTable,
  setAlias,
  submitArtifacts,
} from '@quantbot/infra/utils';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { beforeEach, expect, test, vi } from 'vitest';
import { catalogOf } from './support/tables-of-world.js';
import { describeBothWorlds, worldToken } from './support/world.js';

const ids = { runId: 'r', producer: 'p', kind: 'k' };
const key = 'r/p/k/a';
const alias = { producer: 'p', kind: 'k', alias: 'prod' };

describeBothWorlds(
  { http: { listen: '127.0.0.1:0', token_file: 'token' } },
  async () => {},
  world => {
    beforeEach(() => void vi.stubEnv('QUANTBOT_BUS_TOKEN', worldToken));
    const url = () => world().daemon.url ?? '';

    /** Submits two artifacts over HTTP, or to the bus itself. */
    const submit = async (select: string, more: object = {}) => {
      const parquetPath = await writeSelect(`${world().folder}/produced`, select);
      const artifacts = [
        { artifactId: 'a', parquetPath, schemaHint: 'canon.numbers' },
        { artifactId: 'b', kind: 'other', parquetPath, meta: { n: 1 } },
      ];
      return submitArtifacts({ busRoot: url(), ...ids, artifacts, ...more });
    };

    test('a job comes over HTTP, and the bus knows it as any other', async () => {
      const first = await (await submit('SELECT 1 AS n')).settled();
      expect(first).toMatchObject({
        status: 'ingested',
        artifacts: [
          { key, rows: 1 },
          { key: 'r/p/other/b', status: 'ingested' },
        ],
      });
      expect(await (await submit('SELECT 1 AS n')).settled()).toMatchObject({ status: 'duplicate' });
      const same = await submit('SELECT 1 AS n', { busRoot: world().root });
      expect(await same.settled()).toMatchObject({ status: 'duplicate' });
      const catalog = await catalogOf(world());
      expect(await catalog.query('SELECT n FROM canon.numbers')).toEqual([{ n: 1 }]);
    });

    test('a rejection has its code and its hint, a retry rejects again, and a dismissal ends it', async () => {
      const bad = await submit("SELECT 'text' AS n", { jobId: 'bad', runId: 'r2' });
      const rejection = () => bad.settled().catch((error: unknown) => error as { reason: { seq: number } });
      const rejected = (await rejection()) as { reason: { seq: number } };
      expect(rejected).toMatchObject({ code: 'SCHEMA_MISMATCH', hint: expect.stringMatching(/./) });
      const headers = { Authorization: `Bearer ${worldToken}` };
      const state = async () =>
        (await (await fetch(`${url()}/api/v1/jobs/bad`, { headers })).json()) as { state: string };
      await eventually(state, job => job.state === 'rejected');
      expect((await fetch(`${url()}/api/v1/jobs/bad/retry`, { method: 'POST', headers })).status).toBe(200);
      await eventually(rejection, again => (again as typeof rejected).reason.seq > rejected.reason.seq);
      await dismissJobs({ jobs: ['bad'], note: 'known', by: 'a test' }, { busRoot: url() });
      await eventually(state, job => job.state === 'dismissed');
    });

    test('operations take effect, by the name of the token', async () => {
      const options = { busRoot: url() };
      const catalog = await catalogOf(world());
      const seq = await setAlias({ ...alias, key }, options);
      expect(await catalog.aliases()).toEqual([{ ...alias, key, seq }]);
      await expect(setAlias({ ...alias, key: 'r9/p/k/a' }, options)).rejects.toMatchObject({
        code: 'OPERATION_INVALID',
      });
      await keepArtifacts({ keys: [key], by: 'a test' }, options);
      const requestedBy = async () => (await catalog.query('FROM catalog.keeps_v')).map(row => row.requested_by);
      await eventually(requestedBy, ([by]) => by === 'a test (token http.token_file)');
      expect(await forgetArtifacts({ keys: [key] }, options)).toMatchObject([{ key, status: 'protected' }]);
      const tables = async () => (await catalog.query('FROM catalog.tables_d')).map(row => row.table_name);
      await dropTable({ table: 'numbers' }, options);
      await eventually(tables, names => names.length === 0);
      await restoreTable({ table: 'numbers' }, options);
      await eventually(tables, names => names.includes('numbers'));
      const forget = await forgetArtifacts({ keys: [key], force: true }, options);
      expect(forget).toMatchObject([{ key, status: 'forgotten' }]);
    });

    test('nothing is submitted without a token, and no operation as a job', async () => {
      const manifest = { manifest_version: 1, job_id: 'x', run_id: 'x', producer: 'quantbot-bus', kind: 'operation' };
      const op = { type: 'forget', artifact_keys: [key], force: true, rows: 'drop', reason: null, by: null };
      const body = JSON.stringify({ ...manifest, created_at_utc: new Date().toISOString(), artifacts: [], op });
      const post = (headers: Record<string, string>) =>
        fetch(`${url()}/api/v1/jobs`, {
          method: 'POST',
          body,
          headers: { 'Content-Type': 'application/json', ...headers },
        });
      expect((await post({})).status).toBe(401);
      const answer = await post({ Authorization: `Bearer ${worldToken}` });
      expect([answer.status, await answer.json()]).toMatchObject([403, { error: { code: 'OPERATION_FORBIDDEN' } }]);
    });

    test('a token has its scopes, shows its last use, and ends when it is revoked', async () => {
      const bus = world();
      const create = async (...args: string[]) =>
        (JSON.parse(await bus.done('token', 'create', ...args, '--json')) as { token: string }).token;
      const list = async () =>
        (JSON.parse(await bus.done('token', 'list', '--json')) as { tokens: { lastUsedAt: string | null }[] }).tokens;
      const producer = await create('laptop', '--submit', 'p', '--expires', '90d');
      const reader = await create('notebook', '--read');
      const twice = await bus.command('token', 'create', 'notebook', '--read');
      expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining('TOKEN_EXISTS') });
      const statusOf = async (token: string, path = '/api/v1/status') =>
        (await fetch(`${url()}${path}`, { headers: { Authorization: `Bearer ${token}` } })).status;
      await eventually(
        () => statusOf(reader),
        status => status === 200,
      );
      expect([await statusOf(producer), await statusOf('wrong')]).toEqual([403, 401]);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', producer);
      expect(await (await submit('SELECT 2 AS n', { runId: 'r3' })).settled()).toMatchObject({ status: 'ingested' });
      await expect(submit('SELECT 2 AS n', { producer: 'other' })).rejects.toMatchObject({ code: 'BUS_DENIED' });
      await expect(setAlias({ ...alias, key }, { busRoot: url() })).rejects.toMatchObject({ code: 'BUS_DENIED' });
      // It sees what becomes of jobs of its own producers only.
      const theirs = { producer: 'q', jobId: 'theirs', runId: 'r4' };
      vi.stubEnv('QUANTBOT_BUS_TOKEN', worldToken);
      const rejected = await submit("SELECT 'text' AS n", theirs);
      await expect(rejected.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
      const reasonFor = async (token: string) => {
        const headers = { Authorization: `Bearer ${token}` };
        const answer = await fetch(`${url()}/api/v1/jobs/theirs/outcome`, { headers });
        return ((await answer.json()) as { reason: string | null }).reason;
      };
      expect([await reasonFor(producer), await reasonFor(worldToken)]).toEqual([null, expect.stringMatching('theirs')]);
      const listed = await eventually(list, tokens => tokens.every(({ lastUsedAt }) => lastUsedAt !== null));
      expect(listed).toMatchObject([
        { name: 'laptop', scopes: { read: false, operate: false, submit: ['p'] }, expiresAt: expect.any(String) },
        { name: 'notebook', scopes: { read: true, operate: false, submit: [] }, expiresAt: null },
      ]);
      await bus.done('token', 'revoke', 'laptop', 'notebook');
      await eventually(
        () => statusOf(reader),
        status => status === 401,
      );
      expect(await list()).toEqual([]);
      const gone = await bus.command('token', 'revoke', 'laptop');
      expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('TOKEN_NOT_FOUND') });
      expect(await create('laptop', '--submit', 'p')).not.toBe(producer);
    });
  },
  ['campaign'],
);
