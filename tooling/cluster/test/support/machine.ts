import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCluster } from './cluster.js';

/** Writes the configuration of a bus on one machine beside that of a cluster. */
export function machineBeside(
  { folder }: TestCluster,
  name: string,
  { export: exports, ...settings }: { export?: object; [name: string]: unknown } = {},
): { config: string; root: string } {
  const config = join(folder, `${name}.json`);
  const root = join(folder, name, 'bus');
  const paths = { bus_root: root, duckdb_path: join(folder, name, 'alerts.duckdb') };
  const folders = { export: { export_dir: join(folder, name, 'exports'), ...exports } };
  writeFileSync(config, JSON.stringify({ ...paths, ...folders, log_level: 'warn', ...settings }));
  return { config, root };
}
