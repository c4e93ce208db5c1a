import { createHash } from 'node:crypto';
import { isId } from '@quantbot/infra';

/** Parses the name of an inbox entry. A name without a job id gets one, for its rejection. */
export function entryOf(key: string): { jobId: string; retryOf: number } {
  const name = key.slice('inbox/'.length);
  const [, id = '', retryOf = '0'] = /^(.+)~[0-9a-f]{16}(?:~(\d{1,15}))?\.json$/.exec(name) ?? [];
  if (isId(id)) return { jobId: id, retryOf: Number(retryOf) };
  const readable = name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 40);
  const jobId = `invalid-${createHash('sha256').update(name).digest('hex').slice(0, 12)}-${readable}`;
  return { jobId, retryOf: 0 };
}
