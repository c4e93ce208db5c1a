/** A job with more than this share of a batch's bytes is verified beside the batches. */
const largeShare = 1 / 4;

/** A job with more artifacts is verified beside the batches too: each has checks of its own. */
export const manyArtifacts = 1000;

/** Whether these bytes would delay the other jobs of a batch. */
export const isLarge = (bytes: number, maxBatchBytes: number): boolean => bytes > maxBatchBytes * largeShare;
