/**
 * The types for which Bloom filters make DuckDB miss rows, even filters of its own. DuckDB compares
 * the text of bytes, and the bits of floats, in which 0.0 and -0.0 differ.
 */
export const bloomMisses: ReadonlySet<string> = new Set(['BLOB', 'FLOAT', 'DOUBLE', 'GEOMETRY']);
