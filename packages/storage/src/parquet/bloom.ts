/**
 * Types of columns of which DuckDB misses rows by a Bloom filter, also one of its own: it compares
 * the text of bytes, and the bits of a float, in which 0.0 and -0.0 differ.
 */
export const bloomMisses: ReadonlySet<string> = new Set(['BLOB', 'FLOAT', 'DOUBLE', 'GEOMETRY']);
