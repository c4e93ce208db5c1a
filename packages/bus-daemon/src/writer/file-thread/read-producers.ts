import { inJobId, readLoneFile } from '@quantbot/infra/files';
import type { ProducerOrder } from './orders.js';

/** A larger manifest has very many artifacts: its job counts as one without a producer. */
const maxBytes = 64 * 1024;

/**
 * Reads the producers of manifests. They decide only whose turn it is, so nothing else is checked.
 */
export const readProducers = (orders: readonly ProducerOrder[]): string[] =>
  orders.map(({ manifest }) => readProducer(manifest));

/** Returns the producer of a manifest, or an empty string. */
export function readProducer(manifest: string): string {
  try {
    const { producer } = JSON.parse(readLoneFile(manifest, maxBytes).toString('utf8')) as { producer?: unknown };
    return typeof producer === 'string' ? inJobId(producer) : '';
  } catch {
    return '';
  }
}

/** Whether a manifest is that of an operation. A manifest that cannot be read is none. */
export function isOperation(manifest: string): boolean {
  try {
    const content: unknown = JSON.parse(readLoneFile(manifest, maxBytes).toString('utf8'));
    return typeof content === 'object' && content !== null && Object.hasOwn(content, 'op');
  } catch {
    return false;
  }
}
