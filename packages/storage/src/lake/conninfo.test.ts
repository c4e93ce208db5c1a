import { expect, test } from 'vitest';
import { conninfoOf } from './conninfo.js';

test.each([
  ['postgres://bus@db/bus', "user='bus' host='db' dbname='bus' t='1'", undefined],
  ['postgresql://bus:a%40b@db:5433/bus', "user='bus' host='db' port='5433' dbname='bus' t='1'", 'a@b'],
  ['postgres://db/bus?t=2&sslmode=verify-full', "host='db' dbname='bus' t='2' sslmode='verify-full'", undefined],
  ['postgres://u@a:1,b:2/bus?password=x', "user='u' host='a,b' port='1,2' dbname='bus' t='1'", 'x'],
  ["postgres://u@[::1]:5/it's", "user='u' host='::1' port='5' dbname='it\\'s' t='1'", undefined],
  ['postgres://u:p@/bus?host=%2Frun%2Fpg', "user='u' host='/run/pg' dbname='bus' t='1'", 'p'],
])('%s is taken apart, and its password kept apart', (url, text, password) => {
  expect(conninfoOf(url, { t: '1' })).toEqual({ text, password });
});
