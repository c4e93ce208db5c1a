import { createRequire } from 'node:module';

const duckdb = '@duckdb/node-api';

/**
 * Has built code require DuckDB's client instead of importing it. Node searches all 120 files of
 * the package for names when it is imported, which costs each process 0.1 s of CPU.
 */
const requireDuckDb = {
  name: 'require-duckdb',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@duckdb\/node-api$/ }, ({ path, kind, resolveDir }) =>
      kind === 'import-statement'
        ? { path, namespace: 'require', sideEffects: false, pluginData: resolveDir }
        : { path, external: true },
    );
    onLoad({ filter: /.*/, namespace: 'require' }, ({ path, pluginData }) => {
      const names = Object.keys(createRequire(`${pluginData}/`)(path)).filter(name => name !== 'default');
      return {
        contents: `import { createRequire } from 'node:module';
const api = createRequire(import.meta.url)('${path}');
export default api;
export const { ${names.join(', ')} } = api;`,
      };
    });
  },
};

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
  noExternal: [duckdb],
  esbuildPlugins: [requireDuckDb],
  ...more,
});
