import { ApiError, get, post } from './client.js';

/** The operations that the page asks for: `op` of a manifest, docs/reference/manifest.md. */
export type Operation = Readonly<Record<string, unknown>> & { type: string };

interface Outcome {
  receipt: string | null;
  reason: string | null;
}

const pollMs = 200;
const maxPolls = 300;

/** An id as those of the library. `crypto.randomUUID` exists only with TLS or on this machine. */
function newJobId(type: string): string {
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  const random = [...crypto.getRandomValues(new Uint8Array(6))].map(byte => byte.toString(16).padStart(2, '0'));
  return `${time}-${type}-${random.join('')}`;
}

/** What a page needs of a receipt. */
export interface Receipt {
  forget?: { status: string; protected_by?: string[] }[];
}

/**
 * Asks for an operation, and waits until the daemon has settled it. It stays in the journal.
 *
 * @returns its receipt.
 * @throws ApiError as the API, or with the code of the rejection.
 */
export async function operate(op: Operation): Promise<Receipt> {
  const jobId = newJobId(op.type);
  const ids = { job_id: jobId, run_id: jobId, producer: 'quantbot-bus', kind: 'operation' };
  const created = { manifest_version: 1, ...ids, created_at_utc: new Date().toISOString(), artifacts: [], op };
  await post('/operations', created);
  for (let polls = 0; polls < maxPolls; polls++) {
    const { receipt, reason } = await get<Outcome>(`/operations/${encodeURIComponent(jobId)}/outcome`);
    if (receipt !== null) return JSON.parse(receipt) as Receipt;
    if (reason !== null) {
      const { code, error, hint, details } = JSON.parse(reason) as Record<string, string> & { details?: string[] };
      throw new ApiError({ code: code ?? '', message: error ?? '', hint: hint ?? '', details: details ?? [] });
    }
    await new Promise(resolve => setTimeout(resolve, pollMs));
  }
  throw new ApiError({
    code: 'SETTLE_TIMEOUT',
    message: `The operation ${jobId} has not settled yet.`,
    hint: 'It stays in the inbox. Look at its job.',
    details: [],
  });
}
