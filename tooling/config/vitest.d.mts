import type { ViteUserConfig } from 'vitest/config';

export interface ProjectsOptions {
  /** How many files of integration tests run at once; one when absent. */
  atOnce?: number;
  /** Those that run one by one after the others. */
  alone?: string[];
}

export declare const projects: (options?: ProjectsOptions) => ViteUserConfig;
