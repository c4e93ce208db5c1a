import { resolve } from 'node:path';
import * as z from 'zod';

const pathSchema = z.string().min(1).max(4096);

/** The schema of `http.tls`. */
export const tlsSchema = z
  .strictObject({
    cert: pathSchema.describe('A PEM file with the certificate of the server, and of those who signed it.'),
    key: pathSchema.describe('A PEM file with its private key.'),
  })
  .nullable()
  .default(null)
  .describe('Serves https. Changed files are used within seconds. null: plain HTTP, for a proxy or this machine.');

/** The files of `http.tls`, as absolute paths. */
export interface TlsFiles {
  cert: string;
  key: string;
}

/** Resolves `http.tls`. */
export const resolveTls = (tls: z.infer<typeof tlsSchema>, base: string): TlsFiles | undefined =>
  tls === null ? undefined : { cert: resolve(base, tls.cert), key: resolve(base, tls.key) };
