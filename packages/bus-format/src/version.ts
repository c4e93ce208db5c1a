import { createRequire } from 'node:module';

/** The version of @quantbot/bus-daemon. */
export const version = (createRequire(import.meta.url)('@quantbot/bus-format/package.json') as { version: string })
  .version;
