import type { ViteUserConfig } from 'vitest/config';

export interface ProjectsOptions {
  /** Files of integration tests that run one by one after the others. */
  alone?: string[];
}

export declare const projects: (options?: ProjectsOptions) => ViteUserConfig;
