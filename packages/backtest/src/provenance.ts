import { collectProvenance, type Provenance } from '@quantbot/infra/utils';
import { version } from './version.js';

/** Where an artifact of this package comes from: commit, parameters, versions. */
export const backtestProvenance = (parameters: Record<string, unknown>): Promise<Provenance> =>
  collectProvenance({ parameters, tools: { '@quantbot/backtest': version } });
