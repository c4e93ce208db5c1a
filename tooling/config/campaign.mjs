import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** `sample` in `npm test`, `whole` in `npm run test:campaigns`, undefined in a run by hand. */
const mode = process.env.CAMPAIGNS;
const isWhole = mode === 'whole';

/**
 * `.ci/run` has little time: it takes one of so many parts of the campaigns' files, and of the
 * tests in them, others each day. `npm run test:campaigns` takes all.
 */
const parts = Number(process.env.CAMPAIGNS_PARTS ?? 1);

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
  if (isWhole && cases.length >= parts) return cases.filter((_, index) => (index + seed) % parts === 0);
  const left = [...cases.keys()];
  const random = seededRandom(seed);
  while (!isWhole && left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left.map(index => cases[index]);
}

/** `npm test` includes long tests and files on one day of this many, every other run always. */
const days = 24;

/** Whether this run includes a long test. */
export function isInSample(name) {
  if (mode !== 'sample') return !isWhole || (numberOf(name) + seed) % parts === 0;
  return (numberOf(name) + seed) % days === 0;
}

/** Returns the same number for the same text, and mostly another one for another text. */
function numberOf(text) {
  let sum = 0;
  for (const char of text) sum = (Math.imul(sum, 31) + char.codePointAt(0)) >>> 0;
  return sum;
}

/**
 * Returns the test files of a folder of the package, as paths or patterns. Files named
 * `*.campaign.test.ts` are long as a whole. `npm test` spreads them over the days. A run of the
 * campaigns leaves out files without a campaign, and all tests without the tag `campaign`.
 */
export function testFilesIn(folder) {
  if (mode === undefined) return [`${folder}/**/*.test.ts`];
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.test.ts'));
  const long = files.filter(path => path.endsWith('.campaign.test.ts')).sort();
  const hasPart = path =>
    long.includes(path) ||
    /\/campaign'|\/sampled'|sampledInBrowser|describeClusters/.test(readFileSync(join(folder, path), 'utf8'));
  const first = numberOf(basename(process.cwd()));
  const isDue = path => !long.includes(path) || (first + seed + long.indexOf(path)) % days === 0;
  // Slower than the tests within the files, so that each of them has its day.
  const turn = first + Math.floor(seed / parts);
  const isInPart = path => !long.includes(path) || (turn + long.indexOf(path)) % parts === 0;
  return files.filter(isWhole ? path => hasPart(path) && isInPart(path) : isDue).map(path => join(folder, path));
}
