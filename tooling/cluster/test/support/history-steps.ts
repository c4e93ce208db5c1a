import type { File, NewRow, TableOp } from '@quantbot/tooling-testing/bus-model';
import { fc } from '@quantbot/tooling-testing/properties';
import { someRows, someTableOp } from '@quantbot/tooling-testing/table-steps';

/**
 * Something that happens to a bus. `which` chooses among the artifacts, or jobs, that there are by
 * then, and `name` among the names of the table.
 */
export type Step =
  | { do: 'submit'; files: NewFile[]; inputs: number[]; name: number }
  | { do: 'again' | 'clash'; which: number; name: number }
  | { do: 'retry'; which: number }
  | { do: 'table'; op: TableOp }
  | { do: 'forget'; which: number; rows: 'default' | 'drop'; force: boolean }
  | { do: 'keep'; which: number; keep: boolean }
  | { do: 'alias'; which: number | null; alias: string }
  | { do: 'settle'; daemons: number; kill: string | null }
  | { do: 'rebuild' | 'rebuild from objects' | 'gc' | 'scrub' | 'move' | 'backup' };

/** A file before its rows have ids. */
export interface NewFile {
  /** Null for a file that has only NULLs. */
  rows: NewRow[] | null;
  hasHint: boolean;
  x: File['x'];
}

/** Fault points at which a daemon is killed. Not each is on the way of each history. */
const kills = [
  'archive:written',
  'claim:after-rename',
  'commit:after-rename',
  'commit:before-rename',
  'commit:committed',
  'commit:committed#2',
  'compact:after-rename',
  'compact:switched',
  'compact:tables-written',
  'export:after-rename',
  'export:after-switch',
  'export:before-switch',
  'export:part-renamed',
  'forget:condemned',
  'forget:file-removed',
  'forget:objects-removed',
  'forget:removed',
  'forget:table-rebuilt',
  'publish:added',
  'publish:added#2',
  'publish:after-rename',
  'publish:built',
  'release:renamed',
  'settle:before',
  'settle:receipt-written',
  'settle:receipt-written#2',
  'store:after-link',
];

const just = <T extends string>(name: T) => fc.constant(name);
const which = fc.nat(20);
const name = fc.nat(5);
/** False once in so many times. */
const mostly = (count: number) => fc.nat(count - 1).map(n => n > 0);

const file: fc.Arbitrary<NewFile> = fc.record({
  rows: fc.option(someRows, { freq: 8 }),
  hasHint: mostly(6),
  x: fc.constantFrom(null, null, 'SMALLINT', 'INTEGER', 'BIGINT'),
});
const files = fc.array(file, { minLength: 1, maxLength: 2 });

const submit = fc.record({ do: just('submit'), files, inputs: fc.array(which, { maxLength: 1 }), name });
const kill = fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constantFrom(...kills) });

/** Those that settle jobs take seconds. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 14, arbitrary: submit },
  { weight: 4, arbitrary: fc.record({ do: just('again'), which, name }) },
  { weight: 1, arbitrary: fc.record({ do: just('clash'), which, name }) },
  { weight: 1, arbitrary: fc.record({ do: just('retry'), which }) },
  { weight: 14, arbitrary: fc.record({ do: just('table'), op: someTableOp }) },
  {
    weight: 10,
    arbitrary: fc.record({ do: just('forget'), which, rows: fc.constantFrom('default', 'drop'), force: mostly(4) }),
  },
  { weight: 1, arbitrary: fc.record({ do: just('keep'), which, keep: mostly(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: just('alias'), which: fc.option(which), alias: fc.constantFrom('best', 'prod') }),
  },
  { weight: 7, arbitrary: fc.record({ do: just('settle'), daemons: fc.nat(2), kill }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('rebuild', 'rebuild from objects', 'gc', 'scrub') }),
  },
  { weight: 2, arbitrary: fc.record({ do: just('move') }) },
  { weight: 1, arbitrary: fc.record({ do: just('backup') }) },
);

/**
 * A history that begins with a few artifacts, and so many steps. Without a bias, since most runs
 * try only one.
 */
export const someHistory = (length: number): fc.Arbitrary<Step[]> =>
  fc.noBias(
    fc
      .tuple(fc.array(submit, { minLength: 3, maxLength: 3 }), fc.array(step, { minLength: length, maxLength: length }))
      .map(([first, then]): Step[] => [...first, { do: 'settle', daemons: 1, kill: null }, ...then]),
  );
