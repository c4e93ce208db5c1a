/**
 * Two projects for every package: `unit` (beside the source) and `integration` (test/, real processes, needs a build).
 * Each run leaves a JSON report under reports/, which .ci/run adds up.
 */
export const projects = () => ({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 30_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
