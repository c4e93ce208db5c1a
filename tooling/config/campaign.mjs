import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `sample` in `npm test`, `whole` in `npm run test:campaigns`, undefined in a run by hand. */
const mode = process.env.CAMPAIGNS;
const isWhole = mode === 'whole';

/** Another seed each day, and always the one that `FC_SEED` names. */
export const seed = Number(process.env.FC_SEED ?? Math.floor(Date.now() / 86_400_000));

/**
 * How often a campaign tries something: a sample in `npm test`, the whole in
 * `npm run test:campaigns`.
 */
export const campaign = (sample, whole) => (isWhole ? whole : sample);

/** Returns numbers from 0 to 1 that are the same for the same start. */
export function seededRandom(start) {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The cases of a campaign, in their order: so many by {@link seed}, or all of them. */
export function sampleOf(cases, count) {
  const left = [...cases.keys()];
  const random = seededRandom(seed);
  while (!isWhole && left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left.map(index => cases[index]);
}

/**
 * Whether a long test or file is in this run: in `npm test` on one day of eight, in every other run
 * always.
 */
export function isInSample(name) {
  if (mode !== 'sample') return true;
  let sum = 0;
  for (const char of name) sum = (Math.imul(sum, 31) + char.codePointAt(0)) >>> 0;
  return (sum + seed) % 8 === 0;
}

/**
 * The test files of a folder of the package, as paths or patterns. Those named `*.campaign.test.ts`
 * are long as a whole, so that {@link isInSample} decides. The campaigns leave out files that have
 * no part in them, and of the others all tests without the tag `campaign`.
 */
export function testFilesIn(folder) {
  if (mode === undefined) return [`${folder}/**/*.test.ts`];
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.test.ts'));
  const isCampaign = path => path.endsWith('.campaign.test.ts');
  const hasPart = path => isCampaign(path) || /\/campaign'|\/sampled'/.test(readFileSync(join(folder, path), 'utf8'));
  return files
    .filter(path => (isWhole ? hasPart(path) : !isCampaign(path) || isInSample(path)))
    .map(path => join(folder, path));
}
