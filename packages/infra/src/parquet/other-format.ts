/** The first bytes of formats that people take for Parquet, or send by mistake. */
const magics: readonly [name: string, magic: string, at?: number][] = [
  ['an Arrow IPC (Feather) file', 'ARROW1'],
  ['an old Feather file', 'FEA1'],
  ['an ORC file', 'ORC'],
  ['an Avro file', 'Obj\x01'],
  ['a DuckDB database', 'DUCK', 8],
  ['an SQLite database', 'SQLite format 3\0'],
  ['an HDF5 file', '\x89HDF'],
  ['a ZIP archive (such as .xlsx or .npz)', 'PK\x03\x04'],
  ['a file compressed with gzip', '\x1f\x8b'],
  ['a file compressed with zstd', '\x28\xb5\x2f\xfd'],
  ['a pickle of Python', '\x80\x04\x95'],
];

/** How many bytes {@link otherFormat} looks at. */
export const lookedAtBytes = 512;

/** Says what a file that is not Parquet seems to be, by its first bytes; undefined if unknown. */
export function otherFormat(head: Buffer): string | undefined {
  const bytes = head.subarray(0, lookedAtBytes);
  const latin1 = bytes.toString('latin1');
  const known = magics.find(([, magic, at = 0]) => latin1.startsWith(magic, at));
  if (known !== undefined) return known[0];
  // The last character may be cut.
  const text = bytes.toString('utf8').replace(bytes.length === lookedAtBytes ? /\uFFFD+$/ : '', '');
  if (text === '' || hasControls.test(text)) return undefined;
  if (/^\uFEFF?\s*[[{]/.test(text)) return 'a JSON file';
  const [line = ''] = text.split('\n');
  return /[,;\t|]/.test(line) ? 'a CSV file' : 'a text file';
}

/** Matches what no text has. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const hasControls = /[\0-\x08\x0e-\x1f\x7f\uFFFD]/;
