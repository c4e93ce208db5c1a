import * as z from 'zod';
import { configSchema } from './config/schema.js';
import { manifestSchema, operationManifestSchema } from './manifest.js';
import { receiptSchema, rejectReasonSchema } from './receipt.js';

/**
 * Returns the published JSON Schemas by file name (`manifest.schema.json`, …), generated from the
 * zod schemas of the code. They describe input, so a field with a default is not required. JSON
 * Schema cannot express some rules (unique artifacts, real dates), which only the code checks.
 */
export function jsonSchemaFiles(): Record<string, object> {
  const schemas = {
    manifest: [manifestSchema, 'manifest.json of a job, version 1'],
    operation: [operationManifestSchema, 'manifest.json of a job that asks for an operation'],
    receipt: [receiptSchema, 'RECEIPT.json of a job that was taken'],
    'reject-reason': [rejectReasonSchema, 'REJECT_REASON.json of a job that was not'],
    'bus-config': [configSchema, 'bus_config.json'],
  } as const;
  return Object.fromEntries(
    Object.entries(schemas).map(([name, [schema, title]]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
      return [`${name}.schema.json`, { $schema, title, ...rest }];
    }),
  );
}
