// Writes schema/*.schema.json from the zod schemas. Part of the build, after tsup.
import { mkdirSync, writeFileSync } from 'node:fs';
import { jsonSchemaFiles } from '../dist/bus.js';

const folder = new URL('../schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(jsonSchemaFiles()))
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
