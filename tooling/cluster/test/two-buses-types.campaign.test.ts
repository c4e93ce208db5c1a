// @module-tag campaign
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifact } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { expect, onTestFinished, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const ticks = 'canon.ticks';

/** A file with a column `x` of Parquet's type NULL, and two rows. */
const nothingButNull =
  'UEFSMRUAFQwVDCwVBBUAFQYVBhwAAAACAAAABAAVBBksNQAYBnNjaGVtYRUCABUCJQIYAXhsvAAAABYEGRwZHCYAHBUCGSUG' +
  'ABkYAXgVABYEFjIWMiYISRwVABUAFQIAPCkGGSYEAAAAABYyFgQmCBYyACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAy' +
  'Ni4wLjEZHBwAAAB+AAAAUEFSMQ==';

async function furnish(world: World): Promise<void> {
  const select = 'SELECT range AS x FROM range(3)';
  await (await world.submit({ jobId: 'one', select, schemaHint: ticks })).settled();
}

async function catalogOf({ config }: World) {
  const catalog = await openCatalog({ config });
  onTestFinished(() => catalog.close());
  return catalog;
}

describeBothWorlds({}, furnish, world => {
  test('values of another type that fit are taken, and others are named', async () => {
    const bus = world();
    const schemaHint = 'canon.moments';
    const at = "'2026-01-02 03:04:05.678901'";
    const select = (type: string, value: string) =>
      `SELECT CAST(${value} AS ${type}) AS moment, CAST(9007199254740992 AS ${type === 'TIMESTAMP' ? 'BIGINT' : 'DOUBLE'}) AS x`;
    const [first, second, third] = [
      await bus.submit({ jobId: 'm1', runId: 'm1', select: select('TIMESTAMP', at), schemaHint }),
      await bus.submit({ jobId: 'm2', runId: 'm2', select: select('TIMESTAMP_NS', at), schemaHint }),
      await bus.submit({
        jobId: 'm3',
        runId: 'm3',
        select: select('TIMESTAMP_NS', "'2026-01-02 00:00:00.000000001'"),
        schemaHint,
      }),
    ];
    await first.settled();
    await second.settled();
    await expect(third.settled()).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: [expect.stringContaining('the first value that is no TIMESTAMP: 2026-01-02 00:00:00.000000001')],
    });
    const catalog = await catalogOf(bus);
    const shown =
      'SELECT DISTINCT CAST(moment AS VARCHAR) AS moment, typeof(moment) AS type, CAST(x AS VARCHAR) AS x FROM canon.moments';
    const rows = [{ moment: '2026-01-02 03:04:05.678901', type: 'TIMESTAMP', x: '9007199254740992' }];
    expect(await catalog.query(shown)).toEqual(rows);
    expect(await catalog.query('SELECT count(*) AS n FROM canon.moments')).toEqual([{ n: 2 }]);
  });

  test('integers become DOUBLE when a file has fractions', async () => {
    const bus = world();
    const add = async (runId: string, x: string) =>
      (await bus.submit({ jobId: runId, runId, select: `SELECT ${x} AS x`, schemaHint: 'canon.widens' })).settled();
    await add('w1', '9007199254740992');
    await add('w2', '0.5::DOUBLE');
    await add('w3', '2::BIGINT');
    await expect(add('w4', '9007199254740993')).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
    const catalog = await catalogOf(bus);
    const shown = "SELECT string_agg(x, ' ' ORDER BY _seq) AS x, any_value(typeof(x)) AS type FROM canon.widens";
    expect(await catalog.query(shown)).toEqual([{ x: '9007199254740992.0 0.5 2.0', type: 'DOUBLE' }]);
  });

  test('a DECIMAL takes integers and floats with its digits, and no others', async () => {
    const bus = world();
    const add = async (runId: string, x: string) =>
      (await bus.submit({ jobId: runId, runId, select: `SELECT ${x} AS x`, schemaHint: 'canon.money' })).settled();
    await add('e1', '1.5::DECIMAL(18,2)');
    await add('e2', '2::BIGINT');
    await add('e3', '0.1::DOUBLE');
    await expect(add('e4', '0.125::DOUBLE')).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: [expect.stringContaining('the first value that is no DECIMAL(18,2): 0.125')],
    });
    const catalog = await catalogOf(bus);
    const shown = "SELECT string_agg(x, ' ' ORDER BY _seq) AS x, any_value(typeof(x)) AS type FROM canon.money";
    expect(await catalog.query(shown)).toEqual([{ x: '1.50 2.00 0.10', type: 'DECIMAL(18,2)' }]);
    expect(await catalog.query('SELECT x FROM canon.money WHERE x > 1.995')).toEqual([{ x: '2.00' }]);
  });

  test('a column whose files had only NULL takes the type of the first value', async () => {
    const bus = world();
    const add = async (runId: string, x: string) =>
      (await bus.submit({ jobId: runId, runId, select: `SELECT ${x}`, schemaHint: 'canon.opened' })).settled();
    await add('o1', 'NULL::DOUBLE AS x, NULL::BIGINT AS moment FROM range(3)');
    await add('o2', "'a' AS x, TIMESTAMP '2026-01-02 03:04:05' AS moment");
    await add('o3', 'NULL::DOUBLE AS x, NULL::BIGINT AS moment');
    await expect(add('o4', '1.5::DOUBLE AS x')).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
    const catalog = await catalogOf(bus);
    const shown = 'SELECT max(x) AS x, max(moment)::VARCHAR AS moment, count(*)::INTEGER AS n FROM canon.opened';
    expect(await catalog.query(shown)).toEqual([{ x: 'a', moment: '2026-01-02 03:04:05', n: 5 }]);
    expect(await catalog.query("SELECT x FROM canon.opened WHERE x = 'a'")).toEqual([{ x: 'a' }]);
  });

  test('new fields of structs are taken', async () => {
    const bus = world();
    const add = async (runId: string, x: string) =>
      (await bus.submit({ jobId: runId, runId, select: `SELECT ${x} AS x`, schemaHint: 'canon.structs' })).settled();
    await add('s1', '{a: 1}');
    await add('s2', "{b: 'z', a: 2}");
    const catalog = await catalogOf(bus);
    expect(await catalog.query('SELECT x FROM canon.structs ORDER BY _seq')).toEqual([
      { x: { a: 1, b: null } },
      { x: { a: 2, b: 'z' } },
    ]);
  });

  test('files that come together are taken whatever types the others bring', async () => {
    const schemaHint = 'canon.together';
    const values = ['7.25::DECIMAL(9,2)', 'NULL::VARCHAR', 'NULL::BOOLEAN', '7.00::DECIMAL(38,10)'];
    const submissions = [];
    for (const [n, value] of values.entries())
      submissions.push(
        await world().submit({ jobId: `t${n}`, runId: `t${n}`, select: `SELECT ${value} AS v`, schemaHint }),
      );
    await Promise.all(submissions.map(submission => submission.settled()));
    const catalog = await catalogOf(world());
    const [row] = await catalog.query('SELECT list(v::DOUBLE ORDER BY v) AS v, count(*) AS n FROM canon.together');
    expect(row).toEqual({ v: [7, 7.25, null, null], n: 4 });
  });

  test('a table whose columns have no type yet has its rows, and holds up no other table', async () => {
    const bus = world();
    const parquetPath = join(bus.folder, 'nothing.parquet');
    writeFileSync(parquetPath, Buffer.from(nothingButNull, 'base64'));
    const artifact = { producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.untyped', parquetPath };
    await (await submitArtifact({ busRoot: bus.root, runId: 'u1', ...artifact })).settled();
    const catalog = await catalogOf(bus);
    const shown = 'SELECT count(*)::INTEGER AS n, count(x)::INTEGER AS known, max(x) AS x FROM canon.untyped';
    expect(await catalog.query(shown)).toEqual([{ n: 2, known: 0, x: null }]);
    await (await bus.submit({ runId: 'u2', select: "SELECT 'late' AS x", schemaHint: 'canon.untyped' })).settled();
    expect(await catalog.query(shown)).toEqual([{ n: 3, known: 1, x: 'late' }]);
  });

  test('a DECIMAL that widened is compared with all digits of a constant', async () => {
    const bus = world();
    const add = async (runId: string, x: string) =>
      (await bus.submit({ jobId: runId, runId, select: `SELECT ${x} AS x`, schemaHint: 'canon.prices' })).settled();
    await add('d1', '1.56::DECIMAL(9,2)');
    await add('d2', '1.5550::DECIMAL(18,4)');
    const catalog = await catalogOf(bus);
    const found = (where: string) => catalog.query(`SELECT x FROM canon.prices WHERE ${where} ORDER BY x`);
    expect(await found('x = 1.555')).toEqual([{ x: '1.5550' }]);
    expect(await found('x > 1.555')).toEqual([{ x: '1.5600' }]);
  });
});
