/**
 * `pnpm faults`: the campaigns of one machine; with `--cluster`, that of a cluster. Each has a DuckDB
 * of its own version, and a process can load only one.
 */
if (process.argv.includes('--cluster')) await import('./cluster/main.js');
else await import('./one-machine.js');
