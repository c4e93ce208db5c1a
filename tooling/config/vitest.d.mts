import type { ViteUserConfig } from 'vitest/config';

export interface ProjectsOptions {
  /** Files of integration tests that run one by one after the others. */
  alone?: string[];
  /** The files that take longest, in the order in which they start. */
  first?: string[];
  /** Settings of every project, over its own. */
  ofAll?: { execArgv?: string[]; hookTimeout?: number };
}

export declare const projects: (options?: ProjectsOptions) => ViteUserConfig;
