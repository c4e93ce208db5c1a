/**
 * `pnpm faults`: the campaigns of one machine, or with `--cluster` that of a cluster. The two use
 * different versions of DuckDB, and a process can load only one.
 */
if (process.argv.includes('--cluster')) await import('./cluster/main.js');
else await import('./one-machine.js');
