import { createRequire } from 'node:module';

/** The version of @quantbot/lab, which is part of the provenance of its artifacts. */
export const version = (createRequire(import.meta.url)('@quantbot/lab/package.json') as { version: string }).version;
