import { fileURLToPath } from 'node:url';

/** The built command line. */
export const program = fileURLToPath(new URL('../../../../packages/bus-daemon/dist/cli.js', import.meta.url));

/** For `--require`: the registries have extensions for one version of DuckDB only. */
export const hook = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions'));

/** For `--require`: a host whose clock is off. */
export const shiftedClock = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/shifted-clock'));
