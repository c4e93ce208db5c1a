/** A job with more than this share of a batch's bytes is verified beside the batches. */
const largeShare = 1 / 4;

/** Whether so many bytes would keep the other jobs of a batch waiting. */
export const isLarge = (bytes: number, maxBatchBytes: number): boolean => bytes > maxBatchBytes * largeShare;
