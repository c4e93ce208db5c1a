import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rejectCodes } from './errors.js';
import { jsonSchemaFiles } from './json-schemas.js';

const folder = join(import.meta.dirname, '../schema');

test('the committed JSON Schemas are those of the code (else: pnpm --filter infra build)', () => {
  const files = jsonSchemaFiles();
  expect(readdirSync(folder).sort()).toEqual(Object.keys(files).sort());
  for (const [name, schema] of Object.entries(files))
    expect(readFileSync(join(folder, name), 'utf8'), name).toBe(`${JSON.stringify(schema, null, 2)}\n`);
});

interface JsonSchema {
  required?: string[];
  properties: Record<string, { enum?: string[]; description?: string; pattern?: string; maxLength?: number }>;
}

test('a manifest needs only what has no default, and ids have their pattern and length', () => {
  const manifest = jsonSchemaFiles()['manifest.schema.json'] as JsonSchema;
  expect(manifest.required).toEqual(['job_id', 'run_id', 'producer', 'kind', 'created_at_utc', 'artifacts']);
  expect(manifest.properties.run_id).toMatchObject({
    maxLength: 100,
    pattern: expect.stringContaining('^[A-Za-z0-9]'),
  });
});

test('the reasons of rejections are the closed list', () => {
  const reason = jsonSchemaFiles()['reject-reason.schema.json'] as JsonSchema;
  expect(reason.properties.code?.enum).toEqual(Object.keys(rejectCodes));
});

test('every setting of the configuration is described', () => {
  const config = jsonSchemaFiles()['bus-config.schema.json'] as JsonSchema;
  for (const [name, property] of Object.entries(config.properties)) expect(property.description, name).toBeTruthy();
});
