import { fc } from '@quantbot/tooling-testing/properties';
import { expect, test } from 'vitest';
import { type RegisteredArtifact, TableRegistry } from './registry.js';

const artifact = (seq: number, schemaHint: string, types: Record<string, string>): RegisteredArtifact => ({
  seq,
  schemaHint,
  artifactKey: `r${seq}/p/k/a`,
  columns: Object.entries(types).map(([name, type]) => ({ name, type, nullable: true })),
});

test('tables come from hints that begin with canon., whatever the case of their letters; other hints are passed over', () => {
  const registry = TableRegistry.replay([
    artifact(1, 'canon.Trades', { n: 'INTEGER' }),
    artifact(2, 'simulation.fills', { n: 'INTEGER' }),
    artifact(3, 'canon.trades', { m: 'INTEGER' }),
    artifact(4, 'canon.alerts', { n: 'INTEGER' }),
  ]);
  expect(registry.tables().map(table => table.name)).toEqual(['alerts', 'trades']);
  expect(registry.get('trades')?.columns.map(column => column.name)).toEqual(['n', 'm']);
  expect([registry.lastSeq('trades'), registry.lastSeq('alerts'), registry.lastSeq('none')]).toEqual([3, 4, 0]);
});

test('what is tried on a draft changes nothing until it is adopted', () => {
  const registry = TableRegistry.replay([artifact(1, 'canon.t', { n: 'INTEGER' })]);
  const draft = registry.draft();
  draft.apply(artifact(2, 'canon.t', { m: 'INTEGER' }));
  draft.apply(artifact(3, 'canon.u', { m: 'INTEGER' }));
  expect(registry.tables()).toHaveLength(1);
  expect(registry.get('t')?.columns).toHaveLength(1);
  expect(registry.lastSeq('t')).toBe(1);
  registry.adopt(draft);
  expect(registry.get('t')).toBe(draft.get('t'));
  expect(registry.lastSeq('t')).toBe(2);
  expect(registry.get('u')).toBeDefined();
});

test('replaying each distinct schema once, by its first artifact, makes the same tables as replaying every artifact', () => {
  const type = fc.constantFrom(
    'INTEGER',
    'BIGINT',
    'DECIMAL(5,1)',
    'DECIMAL(9,2)',
    'DECIMAL(9,6)',
    'VARCHAR',
    'DOUBLE',
  );
  const schema = fc.dictionary(fc.constantFrom('a', 'b', 'c'), type, { minKeys: 1 });
  const hint = fc.constantFrom('canon.t', 'canon.T', 'canon.u');
  fc.assert(
    fc.property(fc.array(fc.tuple(hint, schema), { maxLength: 30 }), history => {
      const live = TableRegistry.replay([]);
      const accepted: RegisteredArtifact[] = [];
      history.forEach(([schemaHint, columns], index) => {
        const next = artifact(index + 1, schemaHint, columns);
        try {
          live.apply(next);
          accepted.push(next);
        } catch {
          // A mismatch is rejected and leaves no trace in the journal.
        }
      });
      const distinct = new Map<string, RegisteredArtifact>();
      for (const a of accepted) {
        const key = JSON.stringify([a.schemaHint, a.columns]);
        const first = distinct.get(key);
        distinct.set(key, { ...(first ?? a), seq: a.seq });
      }
      const replayed = TableRegistry.replay(distinct.values());
      expect(replayed.tables()).toEqual(live.tables());
      for (const { name } of live.tables()) expect(replayed.lastSeq(name)).toBe(live.lastSeq(name));
    }),
  );
});
