import * as z from 'zod';
import { type RejectCode, rejectCodes } from './errors.js';

/** One artifact of a receipt. */
export const receiptArtifactSchema = z.looseObject({
  status: z
    .enum(['ingested', 'duplicate', 'restored'])
    .describe('`restored` if the artifact had been forgotten, and its bytes are there again.'),
  key: z.string(),
  canonical_path: z.string().describe('Absolute path of the stored file.'),
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string(),
  quarantined: z
    .array(z.string())
    .optional()
    .describe(
      'Why the artifact is in quarantine: the rules of its table that it breaks. Its rows are not in the table.',
    ),
});

/** What became of one key of an operation `forget`. */
export const forgetOutcomeSchema = z.looseObject({
  key: z.string(),
  status: z
    .enum(['forgotten', 'protected', 'already_forgotten', 'unknown'])
    .describe('`protected`: see `protected_by`. `unknown`: the bus never had this artifact.'),
  bytes: z.number().describe('Bytes that go; 0 unless it is forgotten.'),
  rows: z
    .enum(['kept', 'dropped'])
    .optional()
    .describe('What becomes of its rows in its canonical table. Absent without a table.'),
  protected_by: z.array(z.string()).optional().describe('What protects it: sentences.'),
});

/** `RECEIPT.json`: the outcome of a job whose artifacts are in the store. */
export const receiptSchema = z.looseObject({
  job_id: z.string(),
  seq: z.number().describe("The job's place in the order of the bus. Time travel and `latest` use it."),
  status: z.enum(['ingested', 'duplicate']).describe('`duplicate` if the bus already had every artifact.'),
  run_id: z.string(),
  producer: z.string(),
  committed_at: z.string(),
  artifacts: z.array(receiptArtifactSchema),
  forget: z.array(forgetOutcomeSchema).optional().describe('What became of each key of an operation `forget`.'),
  warnings: z
    .array(z.string())
    .optional()
    .describe('Sentences about schema hints that name no canonical table, but look like mistakes.'),
});

const codes = Object.keys(rejectCodes) as [RejectCode, ...RejectCode[]];

/** `REJECT_REASON.json`: why a job was rejected. */
export const rejectReasonSchema = z.looseObject({
  job_id: z.string(),
  seq: z.number(),
  code: z.enum(codes),
  error: z.string().describe('A sentence.'),
  details: z.array(z.string()),
  hint: z.string(),
  rejected_at_utc: z.string(),
  manifest_sha256: z
    .string()
    .nullable()
    .describe('The submission that this answers: the hash of its manifest.json. null if it could not be read.'),
});

/** The outcome of a job whose artifacts are in the store. */
export type Receipt = z.infer<typeof receiptSchema>;
/** What became of one key of an operation `forget`. */
export type ForgetOutcome = z.infer<typeof forgetOutcomeSchema>;
/** One artifact of a {@link Receipt}. */
export type ReceiptArtifact = z.infer<typeof receiptArtifactSchema>;
/** Why a job was rejected. */
export type RejectReason = z.infer<typeof rejectReasonSchema>;
