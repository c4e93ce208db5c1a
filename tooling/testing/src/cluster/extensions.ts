import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The only version of DuckDB whose extensions the package registries have. */
export const versionWithExtensions = '1.5.5';

const names = ['ducklake', 'postgres-scanner', 'httpfs'];

/**
 * DuckDB's extensions from PyPI, installed once for this user.
 *
 * @param options.install false: only if a test has installed them before.
 * @returns their folder, or a sentence that says why there are none.
 */
export function duckdbExtensions({
  install = true,
}: {
  install?: boolean;
} = {}): { folder: string } | { missing: string } {
  const folder = join(tmpdir(), `quantbot-duckdb-extensions-${versionWithExtensions}-${process.getuid?.() ?? 0}`);
  if (existsSync(folder)) return { folder };
  if (!install) return { missing: "DuckDB's extensions are not there; the tests of clusters install them" };
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const packages = names.map(name => `duckdb-extension-${name}==${versionWithExtensions}`);
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', making];
  const installed = spawnSync('python3', [...args, ...packages], { encoding: 'utf8' });
  if (installed.status !== 0) {
    rmSync(making, { recursive: true, force: true });
    return { missing: `DuckDB's extensions could not be installed with pip: ${installed.stderr || installed.error}` };
  }
  try {
    renameSync(making, folder);
  } catch {
    rmSync(making, { recursive: true, force: true }); // another process was faster
  }
  return { folder };
}
