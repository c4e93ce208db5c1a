import { concurrently } from '@quantbot/bus-format';
import { BusError } from '@quantbot/infra';
import { maxManifestBytes, parseObjectManifest } from '@quantbot/infra/bus';
import type { ListedObject, Objects } from '@quantbot/infra/objects';
import { pagesOf } from '../../pages.js';

const readsAtOnce = 32;

/**
 * The stored objects of waiting jobs, and of rejected jobs that may still be retried. Each manifest
 * is read once.
 */
export class SubmittedObjects {
  readonly #objects: Objects;
  readonly #mayBeRetried: ((rejection: ListedObject) => boolean) | undefined;
  readonly #read = new Set<string>();
  readonly #named = new Set<string>();

  /** @param mayBeRetried whether a rejection stays. Without it, only waiting jobs count. */
  constructor(objects: Objects, mayBeRetried?: (rejection: ListedObject) => boolean) {
    this.#objects = objects;
    this.#mayBeRetried = mayBeRetried;
  }

  has(object: string): boolean {
    return this.#named.has(object);
  }

  /** Reads the manifests that are new since the last call. */
  async look(): Promise<void> {
    await this.#lookInto('inbox/', () => true);
    const mayBeRetried = this.#mayBeRetried;
    if (mayBeRetried !== undefined)
      await this.#lookInto('rejected/', entry => entry.key.endsWith('.manifest.json') && mayBeRetried(entry));
  }

  async #lookInto(prefix: string, isMeant: (entry: ListedObject) => boolean): Promise<void> {
    for await (const page of pagesOf(this.#objects, prefix)) {
      const fresh = page.filter(entry => !this.#read.has(entry.key) && isMeant(entry));
      await concurrently(fresh, ({ key }) => this.#note(key), readsAtOnce);
    }
  }

  async #note(key: string): Promise<void> {
    this.#read.add(key);
    try {
      const bytes = await this.#objects.read(key, maxManifestBytes);
      if (bytes === undefined) return; // settled meanwhile
      for (const { object } of parseObjectManifest(bytes).artifacts) this.#named.add(object);
    } catch (error) {
      if (!(error instanceof BusError) || error.code.startsWith('OBJECT_STORE')) throw error;
      // It is no submission, and names nothing.
    }
  }
}
