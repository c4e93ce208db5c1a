import * as z from 'zod';

/** The schema of `http.uploads`. */
export const uploadsSchema = z
  .strictObject({
    max_open: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(256)
      .describe('Files of one token that are being sent, or wait for their job.'),
    max_bytes_per_day: z
      .number()
      .int()
      .min(1)
      .default(1_099_511_627_776)
      .describe('Bytes of one token within a day. On one machine, a restart counts anew.'),
  })
  .prefault({})
  .describe('Limits of submission over HTTP.');

/** The schema of `http.max_answer_bytes`. */
export const maxAnswerBytesSchema = z
  .number()
  .int()
  .min(1)
  .default(4_294_967_296)
  .describe('Bytes of the file with the answer to one query. At most eight such files exist.');

/** The limits of submission over HTTP, for each token. */
export interface UploadLimits {
  maxOpen: number;
  maxBytesPerDay: number;
}
