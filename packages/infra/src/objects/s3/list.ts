import type { ListedObject } from '../objects.js';
import { elementsOf, textOf } from './xml.js';

/** Returns the objects of an answer to ListObjectsV2, by their whole keys. */
export function listedIn(xml: string): ListedObject[] {
  const decode = textOf(xml, 'EncodingType') === 'url' ? decoded : (key: string) => key;
  return elementsOf(xml, 'Contents').map(entry => ({
    key: decode(textOf(entry, 'Key') ?? ''),
    bytes: Number(textOf(entry, 'Size')),
    modifiedAtMs: Date.parse(textOf(entry, 'LastModified') ?? ''),
  }));
}

/** Decodes a key. XML cannot hold every character, so the server form-encodes the keys. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key; // a server that says it encodes and does not
  }
}
