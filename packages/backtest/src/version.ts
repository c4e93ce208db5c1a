import { createRequire } from 'node:module';

/** The version of @quantbot/backtest, which goes into the provenance of what it makes. */
export const version = (createRequire(import.meta.url)('@quantbot/backtest/package.json') as { version: string })
  .version;
