import { atMost } from './at-most.js';

/**
 * Runs work on files for the server, two at a time. The other threads for files stay free for
 * ingestion.
 */
export const withFileThread = atMost(2, Number.POSITIVE_INFINITY);
