const isWhole = process.env.CAMPAIGNS === 'whole';

/** Another seed each day, and always the one that `FC_SEED` names. */
export const seed = Number(process.env.FC_SEED ?? Math.floor(Date.now() / 86_400_000));

/**
 * How often a campaign tries something: a sample in `npm test`, the whole in
 * `npm run test:campaigns`.
 */
export const campaign = (sample, whole) => (isWhole ? whole : sample);

/** The cases of a campaign, in their order: so many by {@link seed}, or all of them. */
export function sampleOf(cases, count) {
  const left = [...cases.keys()];
  let state = seed >>> 0;
  while (!isWhole && left.length > count) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    left.splice(Math.floor((state / 2 ** 32) * left.length), 1);
  }
  return left.map(index => cases[index]);
}
