import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const duckdb = '@duckdb/node-api';

/**
 * Has built code require DuckDB's client instead of importing it. Node searches all 120 files of
 * the package for names when it is imported, which costs each process 0.1 s of CPU.
 */
const requireDuckDb = {
  name: 'require-duckdb',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@duckdb\/node-api(\/|$)/ }, ({ path, kind, resolveDir }) =>
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

/** Writes the licences of the packages whose code is in a bundle beside it, as they ask for. */
const licences = {
  name: 'licences',
  setup({ initialOptions, onEnd }) {
    initialOptions.metafile = true;
    onEnd(({ metafile }) => {
      const folders = Object.values(metafile.outputs).flatMap(({ inputs }) =>
        Object.entries(inputs).flatMap(([path, { bytesInOutput }]) =>
          bytesInOutput === 0 ? [] : (/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []),
        ),
      );
      const texts = [...new Set(folders)].sort().map(folder => {
        const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
        const file = readdirSync(folder).find(each => /^licen[cs]e/i.test(each));
        return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(join(folder, file), 'utf8')}`;
      });
      if (texts.length === 0) return;
      mkdirSync(initialOptions.outdir, { recursive: true }); // a first build has not made it yet
      writeFileSync(join(initialOptions.outdir, 'LICENCES.txt'), texts.join('\n\n'));
    });
  },
};

/**
 * The build that every package shares: ESM for Node 20, with source maps; declarations come from
 * tsc (see tsconfig.build.json), because tsup's own do not work with TypeScript 7. The parts of zod
 * that a package uses are in its bundle: Node spends 0.06 s of CPU on zod's 90 files otherwise, and
 * 0.015 s on these parts. Only `import * as z` lets the build leave the rest out.
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
  noExternal: [duckdb, 'zod'],
  esbuildPlugins: [requireDuckDb, licences],
  ...more,
});

const packages = fileURLToPath(new URL('../../packages/', import.meta.url));

/** Takes our packages from their source, so that modules that nobody needs fall away one by one. */
const fromSource = {
  name: 'from-source',
  setup({ onResolve }) {
    onResolve({ filter: /^@quantbot\// }, ({ path }) => {
      const [, name, door = 'index'] = /^@quantbot\/([^/]+)(?:\/(.*))?$/.exec(path);
      const source = join(packages, name, 'src', door);
      const file = [`${source}.ts`, join(source, 'index.ts')].find(existsSync);
      return { path: file, sideEffects: false };
    });
  },
};

/**
 * The build of a program that starts often: one file with all that it needs, except for DuckDB's
 * native library. Node.js spends 0.2 s of CPU on finding and compiling the 300 files otherwise.
 * @param {Record<string, string>} entry
 * @param {string[]} external modules that it loads at run time
 */
export const program = (entry, external = []) => ({
  ...esm(entry),
  clean: false,
  sourcemap: false,
  treeshake: false, // esbuild has done it
  // tsup lets it win over `external`.
  noExternal: [new RegExp(`^(?!(${[...external, '@duckdb/node-bindings'].join('|')})$)`)],
  external: [...external, '@duckdb/node-bindings'],
  esbuildPlugins: [fromSource, licences],
  // The client of DuckDB is CommonJS.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
});
