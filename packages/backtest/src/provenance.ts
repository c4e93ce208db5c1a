import { collectProvenance, type Provenance } from '@quantbot/infra/utils';
import { version } from './version.js';

/** Returns the origin of an artifact of this package: commit, parameters, versions. */
export const backtestProvenance = (parameters: Record<string, unknown>): Promise<Provenance> =>
  collectProvenance({ parameters, tools: { '@quantbot/backtest': version } });
