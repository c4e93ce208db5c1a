import { expect, test } from 'vitest';
import { type DuckDbFault, duckDbFault, machineFaultIn, systemCodeOf } from './duckdb-fault.js';

test.each<[DuckDbFault, string]>([
  ['file', 'Invalid Input Error: No magic bytes found at end of file "/bus/a.parquet"'],
  ['file', 'ZSTD Decompression failure'],
  ['range', 'Conversion Error: Could not convert Timestamp(MS) to Timestamp(US)'],
  ['unsupported', 'Invalid Error: BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE data'],
  ['unsupported', 'Invalid Error: Delta Length Byte Array encoding is only supported for string/blob data'],
  ['unsupported', 'Not implemented Error: Unsupported type for the column'],
  ['unsupported', 'Invalid Error: Unsupported compression codec "LZ4"'],
  [
    'unsupported',
    'Invalid Input Error: Failed to read file "/bus/a": Unsupported compression codec "LZ4". Supported …',
  ],
  ['unsupported', "Invalid Input Error: Geoparquet column 'g' has invalid CRS"],
  ['unsupported', 'Invalid Input Error: Unexpected end of binary data at position 1'],
  ['json', 'Invalid Input Error: Invalid JSON found in Parquet file: Malformed JSON at byte 0 of input: …'],
  ['range', 'Invalid Input Error: Invalid decimal encoding in Parquet file'],
  ['text', 'Invalid Input Error: Invalid string encoding found in Parquet file "/a": value "\\xFF" is not valid UTF8!'],
  ['memory', 'Out of Memory Error: failed to allocate data of size 512.0 MiB (100.0 KiB/488.2 MiB used)'],
  ['memory', 'Invalid Error: std::bad_alloc'],
  ['missing', 'IO Error: No files found that match the pattern "/bus/a.parquet"'],
  ['missing', 'IO Error: Cannot open file "/bus/a.parquet": No such file or directory'],
  ['missing', "HTTP Error: HTTP GET error reading 's3://bus/a' in region 'us-east-1' (HTTP 404 Not Found)"],
  ['machine', 'IO Error: Cannot open file "/bus/a.parquet": Too many open files'],
  ['machine', 'IO Error: Could not read from file "/bus/a.parquet": Input/output error'],
  ['poisoned', 'INTERNAL Error: Attempted to dereference unique_ptr that is NULL!'],
  ['poisoned', 'FATAL Error: Failed: database has been invalidated because of a previous fatal error.'],
])('%s: %s', (fault, message) => {
  expect(duckDbFault(message)).toBe(fault);
});

test('a name that a producer chose does not turn a broken file into a fault of the machine', () => {
  const messages = [
    'Invalid Input Error: No magic bytes in "IO Error: x: Too many open files"',
    'Invalid Input Error: the column "Out of Memory Error: " has a bad page',
    'IO Error: Cannot open file ": Too many open files": it is a folder',
  ];
  for (const message of messages) expect([message, duckDbFault(message)]).toEqual([message, 'file']);
  for (const message of messages) expect(machineFaultIn(message)).toBeUndefined();
});

test('a fault of the machine carries the code of the system call', () => {
  expect(machineFaultIn('IO Error: Cannot open file "/a": Too many open files')).toMatchObject({
    code: 'EMFILE',
    syscall: 'read',
  });
});

test('the code of a system error is found in errors of Node.js and of DuckDB', () => {
  expect(systemCodeOf(Object.assign(new Error('no room'), { code: 'ENOSPC', syscall: 'write' }))).toBe('ENOSPC');
  expect(systemCodeOf(new Error('IO Error: Could not write file "/a": No space left on device'))).toBe('ENOSPC');
  for (const error of [new Error('Parser Error: No space left on device'), 'No space left on device', undefined])
    expect(systemCodeOf(error)).toBeUndefined();
});
