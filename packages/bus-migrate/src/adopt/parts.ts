import type { BusConfig } from '@quantbot/infra/config';

/** What an adoption needs from its caller. */
export interface AdoptParts {
  /**
   * Settles all waiting jobs. Starts a daemon for it, unless one runs. `silent` suppresses its
   * warnings.
   */
  settleWaiting(config: BusConfig, level?: 'silent'): Promise<void>;
}
