import { rmSync } from 'node:fs';
import { sampleOf, seed } from '@quantbot/tooling-config/campaign';
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
const damages = names.flatMap(kind => (['bit', ...others] as const).map(damage => ({ kind, damage }))).filter(canBe);
/** How many bits of each kind of file are flipped. Whoever sets it also gets each replacement. */
const flips = Number(process.env.FLIPS ?? 0);
const all = damages.flatMap(each => Array<typeof each>(each.damage === 'bit' ? flips : 1).fill(each));
const isBit = ({ damage }: { damage: Damage }) => damage === 'bit';
const oneOfEach = [
  ...damages.filter(isBit),
  ...names.map(kind => random.pick(damages.filter(each => each.kind === kind && !isBit(each)))),
];

test.each(flips > 0 ? all : sampleOf(oneOfEach, 3))(
  'nothing changes unseen when one file is hurt: $kind ($damage)',
  { tags: ['campaign'] },
  async ({ kind, damage }) => {
    const problems = await damageOne(bus, kind, damage, random);
    expect(problems, problems.join('; ')).toEqual([]);
  },
);
