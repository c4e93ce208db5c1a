import type { SpawnSyncReturns } from 'node:child_process';

/** What a program did, and the packages it loaded. */
export interface LoadingRun extends SpawnSyncReturns<string> {
  /** All packages from `node_modules`, by name. */
  packages: string[];
  /** Those with a module that was imported; the others were only required. */
  imported: string[];
}

export declare const loadedPackages: (
  args: readonly string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv },
) => LoadingRun;
