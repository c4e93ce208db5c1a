import { createRequire } from 'node:module';

/** The version of @quantbot/lab, which goes into the provenance of what it makes. */
export const version = (createRequire(import.meta.url)('@quantbot/lab/package.json') as { version: string }).version;
