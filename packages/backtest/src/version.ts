import { createRequire } from 'node:module';

/** The version of @quantbot/backtest, which is part of the provenance of its artifacts. */
export const version = (createRequire(import.meta.url)('@quantbot/backtest/package.json') as { version: string })
  .version;
