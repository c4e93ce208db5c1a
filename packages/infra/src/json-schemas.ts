import { z } from 'zod';
import { configSchema } from './config/schema.js';
import { manifestSchema, operationManifestSchema } from './manifest.js';
import { receiptSchema, rejectReasonSchema } from './receipt.js';

/**
 * The published JSON Schemas by file name (`manifest.schema.json`, …), made from the zod schemas
 * that the code itself uses. They describe what may be written, so what has a default is not
 * required. What JSON Schema cannot say (no artifact twice, times that exist) only the code checks.
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
