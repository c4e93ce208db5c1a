import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `sample` in `npm test`, `whole` in `npm run test:campaigns`, undefined in a run by hand. */
const mode = process.env.CAMPAIGNS;
const isWhole = mode === 'whole';

/** The seed of `FC_SEED`; by default another one each day. */
export const seed = Number(process.env.FC_SEED ?? Math.floor(Date.now() / 86_400_000));

/**
 * Returns the number of tries of a campaign: `sample` in `npm test`, `whole` in `npm run
 * test:campaigns`.
 */
export const campaign = (sample, whole) => (isWhole ? whole : sample);

/** Returns a generator of numbers from 0 to 1, which are the same for the same start. */
export function seededRandom(start) {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Returns the cases of a campaign in order: `count` of them chosen by {@link seed}, or all. */
export function sampleOf(cases, count) {
  const left = [...cases.keys()];
  const random = seededRandom(seed);
  while (!isWhole && left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left.map(index => cases[index]);
}

/**
 * Whether this run includes a long test or file. `npm test` includes it on one day of eight, every
 * other run always.
 */
export function isInSample(name) {
  if (mode !== 'sample') return true;
  let sum = 0;
  for (const char of name) sum = (Math.imul(sum, 31) + char.codePointAt(0)) >>> 0;
  return (sum + seed) % 8 === 0;
}

/**
 * Returns the test files of a folder of the package, as paths or patterns. Files named
 * `*.campaign.test.ts` are long as a whole, so {@link isInSample} decides about them. A run of the
 * campaigns leaves out files without a campaign, and all tests without the tag `campaign`.
 */
export function testFilesIn(folder) {
  if (mode === undefined) return [`${folder}/**/*.test.ts`];
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.test.ts'));
  const isCampaign = path => path.endsWith('.campaign.test.ts');
  const hasPart = path =>
    isCampaign(path) || /\/campaign'|\/sampled'|describeClusters/.test(readFileSync(join(folder, path), 'utf8'));
  return files
    .filter(path => (isWhole ? hasPart(path) : !isCampaign(path) || isInSample(path)))
    .map(path => join(folder, path));
}
