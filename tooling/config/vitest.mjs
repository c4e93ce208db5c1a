/**
 * The projects of a package: `unit` (beside the source), `integration` (test/, real processes,
 * needs a build) and, where there are files that bear nothing beside them, `alone`. Each run leaves
 * a JSON report under reports/, which .ci/run adds up.
 */
export const projects = ({ atOnce = 1, alone = [] } = {}) => {
  const integration = { environment: 'node', testTimeout: 120_000, hookTimeout: 120_000 };
  const one = { fileParallelism: false };
  const several = { fileParallelism: true, maxWorkers: atOnce };
  return {
    test: {
      projects: [
        { test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 30_000 } },
        {
          test: {
            ...integration,
            ...(atOnce > 1 ? several : one),
            name: 'integration',
            include: ['test/**/*.test.ts'],
            exclude: alone,
            sequence: { groupOrder: 1 },
          },
        },
        ...(alone.length > 0
          ? [{ test: { ...integration, ...one, name: 'alone', include: alone, sequence: { groupOrder: 2 } } }]
          : []),
      ],
    },
  };
};
