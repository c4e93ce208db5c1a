import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { campaign, testFilesIn } from './campaign.mjs';

// Load built files untransformed, and once for all test files of a process.
const built = { deps: { external: [/\/packages\/[^/]+\/dist\//] } };

// Files share a process, since a small one spends most of its time loading. Each restores what it
// changes.
const shared = {
  environment: 'node',
  isolate: false,
  restoreMocks: true,
  unstubGlobals: true,
  server: built,
};

/**
 * Starts these files first, then the largest, as vitest does: a long file that starts last runs
 * alone, while the other worker has nothing to do.
 */
const startFirst = paths =>
  class {
    sort(files) {
      const rank = ({ moduleId }) => {
        const index = paths.findIndex(path => moduleId.endsWith(path));
        return index === -1 ? paths.length : index;
      };
      const size = ({ moduleId }) => statSync(moduleId).size;
      return [...files].sort((a, b) => rank(a) - rank(b) || size(b) - size(a));
    }
    shard = files => files;
  };

/**
 * The projects of a package: `unit` (beside the source), `integration` (test/, needs a build; two
 * files at once) and, if some files must run alone, `alone`. Each run leaves a JSON report under
 * reports/, which .ci/run adds up.
 */
export const projects = ({ alone = [], first = [], ofAll = {} } = {}) => {
  // Generous, for a busy machine.
  const timeout = campaign(240_000, 1_200_000);
  const integration = { ...shared, testTimeout: timeout, hookTimeout: timeout };
  return {
    test: {
      // On some days, every test of a project may be left out.
      passWithNoTests: true,
      ...(first.length > 0 && { sequence: { sequencer: startFirst(first) } }),
      // Tests of which `npm test` runs a sample, or that it runs on some days only.
      tags: [{ name: 'campaign' }],
      projects: [
        {
          test: {
            ...shared,
            name: 'unit',
            include: testFilesIn('src'),
            testTimeout: 120_000,
            maxWorkers: Math.max(2, availableParallelism()),
            ...ofAll,
          },
        },
        {
          test: {
            ...integration,
            name: 'integration',
            include: testFilesIn('test').filter(path => !alone.includes(path)),
            maxWorkers: 2,
            sequence: { groupOrder: 1 },
            ...ofAll,
          },
        },
        ...(alone.length > 0
          ? [
              {
                test: {
                  ...integration,
                  name: 'alone',
                  include: testFilesIn('test').filter(path => alone.includes(path)),
                  maxWorkers: 1,
                  sequence: { groupOrder: 2 },
                  ...ofAll,
                },
              },
            ]
          : []),
      ],
    },
  };
};
