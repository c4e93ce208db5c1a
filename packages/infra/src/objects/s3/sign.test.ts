import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodePath, loadSigner, type Unsigned } from './sign.js';

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const host = 'examplebucket.s3.amazonaws.com';
const empty = hash('sha256', '');

// The published examples of Amazon: sig-v4-header-based-auth.html
const examples: [string, Unsigned, string][] = [
  [
    'a GET of a range',
    { method: 'GET', path: '/test.txt', query: {}, headers: { host, range: 'bytes=0-9' }, bodySha256: empty },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'a PUT of a key with $',
    {
      method: 'PUT',
      path: encodePath('/test$file.text'),
      query: {},
      headers: { host, date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      bodySha256: hash('sha256', 'Welcome to Amazon S3.'),
    },
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'a query without a value',
    { method: 'GET', path: '/', query: { lifecycle: '' }, headers: { host }, bodySha256: empty },
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'a query of two',
    { method: 'GET', path: '/', query: { prefix: 'J', 'max-keys': '2' }, headers: { host }, bodySha256: empty },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
];

test.each(examples)('the signature of %s is the published one', async (_name, request, signature) => {
  const sign = await loadSigner();
  const { headers } = sign(request, credentials, 'us-east-1', new Date('2013-05-24T00:00:00Z'));
  expect(headers.Authorization?.split('Signature=')[1]).toBe(signature);
  expect(JSON.stringify(headers)).not.toContain(credentials.secretAccessKey);
});
