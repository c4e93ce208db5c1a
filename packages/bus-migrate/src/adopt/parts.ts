import type { BusConfig } from '@quantbot/infra/config';

/** What an adoption needs of others. */
export interface AdoptParts {
  /**
   * Settles all jobs that wait, with a daemon of its own unless one runs; `silent` when its
   * warnings are of no interest.
   */
  settleWaiting(config: BusConfig, level?: 'silent'): Promise<void>;
}
