import { expect, test } from 'vitest';
import { type PartHeaders, partOf } from './part.js';

const etag = '"abc"';
const ask = (headers: PartHeaders, size = 10) => partOf(headers, { etag, size });
const whole = { status: 200, start: 0, end: 10 };

test.each([
  ['bytes=0-0', 0, 1],
  ['bytes=2-5', 2, 6],
  ['bytes=2-', 2, 10],
  ['bytes=-3', 7, 10],
  ['bytes=-99', 0, 10],
  ['bytes=9-99999999999999999999', 9, 10],
  ['BYTES=1-1', 1, 2],
])('%s is a part', (range, start, end) => {
  expect(ask({ range })).toEqual({ status: 206, start, end });
});

test.each(['bytes=10-', 'bytes=10-11', 'bytes=-0', 'bytes=99999999999999999999-'])('%s lies behind the end', range => {
  expect(ask({ range })).toEqual({ status: 416 });
});

test.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=5-2', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,4-5', 'bytes=+1-2'])(
  '%s gets the whole file',
  range => {
    expect(ask({ range })).toEqual(whole);
  },
);

test('an empty file has no part', () => {
  expect(ask({ range: 'bytes=0-' }, 0)).toEqual({ status: 416 });
  expect(ask({}, 0)).toEqual({ status: 200, start: 0, end: 0 });
});

test('a part is sent only of the file that If-Range names', () => {
  const range = 'bytes=2-5';
  expect(ask({ range, ifRange: etag })).toEqual({ status: 206, start: 2, end: 6 });
  for (const ifRange of ['"other"', 'W/"abc"', 'abc', 'Sat, 28 Nov 2026 05:00:00 GMT', ''])
    expect(ask({ range, ifRange }), ifRange).toEqual(whole);
});

test('a known file is not sent again, and a range does not change that', () => {
  for (const ifNoneMatch of [etag, '*', '"x", "abc"', 'W/"abc"', '"x",W/"abc"'])
    expect(ask({ ifNoneMatch, range: 'bytes=0-1' }), ifNoneMatch).toEqual({ status: 304 });
  for (const ifNoneMatch of ['"x"', 'abc', '']) expect(ask({ ifNoneMatch }), ifNoneMatch).toEqual(whole);
});

test('with If-Match only that file is sent', () => {
  expect(ask({ ifMatch: '"x"', range: 'bytes=0-1' })).toEqual({ status: 412 });
  expect(ask({ ifMatch: 'W/"abc"' })).toEqual({ status: 412 });
  expect(ask({ ifMatch: etag, range: 'bytes=0-1' })).toEqual({ status: 206, start: 0, end: 2 });
});
