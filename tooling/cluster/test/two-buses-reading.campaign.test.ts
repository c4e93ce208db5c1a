// @module-tag campaign
import { openCatalog } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const keyOf = (run: string) => `${run}/p/k/a`;
const selects = {
  base: "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(id, name)",
  shuffled: "SELECT * FROM (VALUES (2, 'b'), (1, 'a')) t(id, name)",
  changed: "SELECT * FROM (VALUES (1, 'a'), (2, 'c'), (3, 'd')) t(id, name)",
};

async function furnish(world: World): Promise<void> {
  for (const [runId, select] of Object.entries(selects))
    await (await world.submit({ runId, select, schemaHint: 'canon.names' })).settled();
}

describeBothWorlds({ compaction: { release_grace_s: 0.05 } }, furnish, world => {
  test('diff compares the rows of two artifacts', async () => {
    expect(await world().done('diff', keyOf('base'), keyOf('shuffled'))).toContain('equal');
    const { code, stdout, stderr } = await world().command(
      ...['diff', keyOf('base'), keyOf('changed'), '--key', 'id', '--json'],
    );
    expect(code, stderr).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      equal: false,
      rows: { onlyInLeft: { rows: 0 }, onlyInRight: { rows: 1 }, changed: { rows: 1 } },
    });
  });

  test('rows come over HTTP with exact values', async () => {
    const { status, json, text } = await world().ask('/api/v1/rows', { sql: 'SELECT name, id FROM canon.names' });
    expect(status, text).toBe(200);
    expect((json as { names: string[] }).names).toEqual(['name', 'id']);
    expect((json as { rows: unknown[] }).rows).toHaveLength(7);
    const catalog = await openCatalog(world().daemon.url as string);
    onTestFinished(() => catalog.close());
    const asked =
      "SELECT count(*) AS n, sum(id) AS s, 9007199254740993::BIGINT AS big FROM canon.names WHERE name <> 'a'";
    expect(await catalog.query(asked, [], { int64: 'bigint' })).toEqual([{ n: 4n, s: 9n, big: 9007199254740993n }]);
    await expect(catalog.query('FROM canon.nothing')).rejects.toMatchObject({ code: 'QUERY_FAILED' });
  });

  test('an artifact whose rows were dropped is in no file of the bus', async () => {
    const before = await world().command('verify', '--erased', keyOf('changed'));
    expect(before).toMatchObject({ code: 2, stdout: expect.stringContaining(keyOf('changed')) });
    await world().done('forget', keyOf('changed'), '--rows', 'drop', '--force', '--apply');
    const erased = await eventually(
      () => world().command('verify', '--erased', keyOf('changed')),
      ({ code }) => code === 0,
    );
    expect(erased.stdout).toContain(`no file of the bus holds ${keyOf('changed')}`);
    expect((await world().ask('/api/v1/rows', { sql: 'SELECT DISTINCT name FROM canon.names' })).json).toMatchObject({
      rows: { length: 2 },
    });
  });

  test('from the first token on, the server asks for one', async () => {
    const { code, stdout, stderr } = await world().command('token', 'create', 'notebook', '--read', '--json');
    expect(code, stderr).toBe(0);
    const { token } = JSON.parse(stdout);
    const statusOf = async (headers: Record<string, string>) =>
      (await fetch(`${world().daemon.url}/api/v1/status`, { headers })).status;
    // Another daemon of a cluster may have created the token, which takes a second.
    const becomes = (wanted: number, headers: Record<string, string>) =>
      eventually(
        () => statusOf(headers),
        status => status === wanted,
      );
    await becomes(401, {});
    expect(await statusOf({ Authorization: `Bearer ${token}` })).toBe(200);
    await world().done('token', 'revoke', 'notebook');
    await becomes(401, { Authorization: `Bearer ${token}` });
  });
});
