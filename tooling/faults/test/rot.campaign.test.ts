import { rmSync } from 'node:fs';
import { campaign, seed } from '@quantbot/tooling-config/campaign';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../src/random.js';
import { type Damage, damageOne, kinds, makeRottingBus, type RottingBus } from '../src/rot.js';

const random = new Random(seed);
let bus: RottingBus;
beforeAll(async () => {
  console.log(`seed ${seed}`);
  bus = await makeRottingBus(seed);
});
afterAll(() => rmSync(bus.folder, { recursive: true, force: true }));

const names = Object.keys(kinds);
/** DuckDB waits for a FIFO that a view reads. Only the user of the daemon could put one there. */
const readByViews = ['hot table file', 'compacted table'];
/** A link that an operator put in the place of the database may lead to a database of theirs. */
const isTheirs = 'published database';
const canBe = ({ kind, damage }: { kind: string; damage: Damage }) =>
  !(damage === 'fifo' && readByViews.includes(kind)) && !(damage === 'link' && kind === isTheirs);
const others: Damage[] = ['empty', 'folder', 'fifo', 'link'];
/** How often each kind of file gets a flipped bit. */
const flips = Number(process.env.FLIPS ?? campaign(0, 1));
const all = names.flatMap(kind => [...Array<Damage>(flips).fill('bit'), ...others].map(damage => ({ kind, damage })));
const few = Array.from({ length: 3 }, (_, index) => ({
  kind: random.pick(names),
  damage: index === 0 ? random.pick(others) : ('bit' as const),
}));

const isWhole = campaign(0, 1) === 1;

test.each((isWhole ? all : few).filter(canBe))(
  'nothing changes unseen when one file is hurt: $kind ($damage)',
  { tags: ['campaign'] },
  async ({ kind, damage }) => {
    const problems = await damageOne(bus, kind, damage, random);
    expect(problems, problems.join('; ')).toEqual([]);
  },
);
