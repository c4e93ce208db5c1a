/** A job with more than this share of a batch's bytes is verified beside the batches. */
const largeShare = 1 / 4;

/** Whether these bytes would delay the other jobs of a batch. */
export const isLarge = (bytes: number, maxBatchBytes: number): boolean => bytes > maxBatchBytes * largeShare;
