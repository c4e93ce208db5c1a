import { openCatalog } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { operateKilledAt, rebuildPoints } from '../support/killed-operation.js';

sampled(
  'killed at each step, a daemon drops and restores a table whole, and its past and rows stay exact',
  async () => {
    const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
    await drain(bus);
    /** The model: the table after each job, or undefined without a table. */
    const model: (string[] | undefined)[] = [undefined];
    const everything: string[] = [];
    let shown: string[] | undefined;
    const note = () => model.push(shown === undefined ? undefined : [...shown].sort());
    const add = async (run: string) => {
      await submit(bus, {
        runId: run,
        kind: 't',
        artifactId: 't',
        schemaHint: 'canon.t',
        select: `SELECT '${run}' AS run`,
      });
      everything.push(run);
      shown = [...(shown ?? []), run];
      note();
    };
    const killed = async (type: 'table_drop' | 'table_restore', point: string) => {
      const op = { type, table: 't', reason: null, by: null };
      await operateKilledAt(bus, op, point);
      shown = type === 'table_drop' ? undefined : [...everything];
      note();
    };
    const mustBeAsTheModel = async (what: string, from = model.length - 2) => {
      await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
      for (const [seq, rows] of [...model.entries()].slice(from)) {
        const past = await catalog.asOf(seq);
        // A table that another artifact starts later is empty until then.
        const isThere = (await past.query('SELECT 1 FROM catalog.tables_d')).length > 0;
        const found = isThere ? await past.query('SELECT run FROM canon.t ORDER BY run') : [];
        expect(
          found.map(({ run }) => run),
          `${what}, as of ${seq}`,
        ).toEqual(rows ?? []);
        await past.close();
      }
      const now = model.at(-1);
      const found = now === undefined ? undefined : await catalog.query('SELECT run FROM canon.t ORDER BY run');
      expect(
        found?.map(({ run }) => run),
        what,
      ).toEqual(now);
    };

    await add('first');
    for (const [index, point] of rebuildPoints.entries()) {
      await add(`r${index}`);
      await drain(bus);
      await killed('table_drop', point);
      await mustBeAsTheModel(`dropped, ${point}`);
      if (index % 2 === 0) await add(`meanwhile${index}`);
      await killed('table_restore', point);
      await mustBeAsTheModel(`restored, ${point}`);
    }
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
    expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
    await mustBeAsTheModel('rebuilt', 1);
  },
);
