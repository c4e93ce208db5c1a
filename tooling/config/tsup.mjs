/**
 * The build that every package shares: ESM for Node 20, with source maps; declarations come from
 * tsc (see tsconfig.build.json), because tsup's own do not work with TypeScript 7.
 * @param {Record<string, string> | string[]} entry
 * @param {import('tsup').Options} [more]
 */
export const esm = (entry, more = {}) => ({
  entry,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  outDir: 'dist',
  sourcemap: true,
  clean: true,
  dts: false,
  splitting: true,
  treeshake: true,
  ...more,
});
