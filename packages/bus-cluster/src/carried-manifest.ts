import { hash } from 'node:crypto';
import { exactJson } from '@quantbot/infra';

/** The member of a carried manifest that holds its checksum. It comes last. */
const member = 'carried';
const blank = '0'.repeat(64);

/**
 * Returns the manifest of a rejected job that a move has carried to other objects. The journal has
 * only the SHA-256 of the submitted one, so this one names it, and holds its own checksum.
 *
 * @param submitted the SHA-256 of the submitted manifest.
 */
export function carriedManifest(manifest: object, submitted: string): Buffer {
  const text = exactJson({ ...withoutCarried(manifest), [member]: { submitted, sha256: blank } });
  return Buffer.from(text.replace(endOf(blank), `${hash('sha256', text)}"}}`));
}

/** Returns a manifest as it was before {@link carriedManifest}. */
export function withoutCarried<Manifest extends object>(manifest: Manifest): Omit<Manifest, typeof member> {
  const { [member]: _, ...rest } = manifest as Manifest & { [member]?: unknown };
  return rest;
}

/** Whether this is the manifest for a retry of a rejected job. */
export function isManifestOf(
  bytes: Buffer,
  { manifest_sha256: submitted }: { manifest_sha256: string | null },
): boolean {
  if (hash('sha256', bytes) === submitted) return true;
  const text = bytes.toString();
  const [, own] = new RegExp(`"${member}":{"submitted":"${submitted}","sha256":"([0-9a-f]{64})"}}$`).exec(text) ?? [];
  return own !== undefined && hash('sha256', text.replace(endOf(own), `${blank}"}}`)) === own;
}

const endOf = (sha256: string): RegExp => new RegExp(`${sha256}"}}$`);
