import { readLoneFile } from '@quantbot/infra/files';
import type { ProducerOrder } from './orders.js';

/** A manifest that is larger has very many artifacts: its job counts as one without a producer. */
const maxBytes = 64 * 1024;

/**
 * Which producers manifests name. Nothing of them is believed: it says whose turn it is, and no
 * more.
 */
export const readProducers = (orders: readonly ProducerOrder[]): string[] =>
  orders.map(({ manifest }) => readProducer(manifest));

/** The producer that a manifest names; empty when it names none that one could read. */
export function readProducer(manifest: string): string {
  try {
    const { producer } = JSON.parse(readLoneFile(manifest, maxBytes).toString('utf8')) as { producer?: unknown };
    return typeof producer === 'string' ? producer.slice(0, 100) : '';
  } catch {
    return '';
  }
}
