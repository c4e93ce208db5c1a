import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../../test/support/folders.js';
import { s3Settings } from './settings.js';

/** A home with shared files. */
function home(config: string, credentials = ''): Record<string, string> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, '.aws'));
  writeFileSync(join(folder, '.aws/config'), config);
  writeFileSync(join(folder, '.aws/credentials'), credentials);
  return { HOME: folder };
}

const settingsOf = (env: Record<string, string>, url = 's3://bucket/a/b/', options = {}) => {
  const { bucket, prefix, protocol, host, port, basePath, region } = s3Settings(url, options, {
    HOME: '/none',
    ...env,
  });
  return { bucket, prefix, at: `${protocol}//${host}${basePath}`, port, region };
};
const credentialsOf = (env: Record<string, string>) =>
  s3Settings('s3://bucket', {}, { HOME: '/none', ...env }).credentials();

describe('the server', () => {
  test("is Amazon's, with the bucket in its name", () => {
    expect(settingsOf({})).toEqual({
      bucket: 'bucket',
      prefix: 'a/b',
      at: 'https://bucket.s3.us-east-1.amazonaws.com',
      port: undefined,
      region: 'us-east-1',
    });
    expect(settingsOf({ AWS_REGION: 'cn-north-1' }).at).toBe('https://bucket.s3.cn-north-1.amazonaws.com.cn');
    expect(settingsOf({}, 's3://my.bucket/x').at).toBe('https://s3.us-east-1.amazonaws.com/my.bucket');
  });

  test('is the endpoint of the options, then of the environment, then of the profile', () => {
    const env = home('[default]\nendpoint_url = http://profile:1\nregion=eu-west-1');
    expect(settingsOf(env)).toMatchObject({ at: 'http://profile:1/bucket', port: 1, region: 'eu-west-1' });
    const more = { ...env, AWS_ENDPOINT_URL: 'http://all:2', AWS_DEFAULT_REGION: 'b' };
    expect(settingsOf(more)).toMatchObject({ at: 'http://all:2/bucket', region: 'b' });
    const both = { ...more, AWS_ENDPOINT_URL_S3: 'https://s3', AWS_REGION: 'c' };
    expect(settingsOf(both)).toMatchObject({ at: 'https://s3/bucket', region: 'c' });
    const options = { endpoint: 'http://[::1]:4/base/', region: 'd', pathStyle: false };
    expect(settingsOf(both, 's3://bucket', { ...options, pathStyle: true })).toMatchObject({
      at: 'http://[::1]:4/base/bucket',
      region: 'd',
    });
    expect(settingsOf(both, 's3://bucket', { endpoint: 'http://h:5', pathStyle: false }).at).toBe('http://bucket.h:5');
  });

  test.each(['ftp://x', 'no url', 'https://key:secret@host', 'https://host?token=secret'])(
    'is not %s, which the error does not show',
    endpoint => {
      const call = () => settingsOf({ AWS_ENDPOINT_URL_S3: endpoint });
      expect(call).toThrow('The endpoint of the object store is not a URL');
      expect(call).not.toThrow('secret');
    },
  );
});

describe('credentials', () => {
  const files = () =>
    home(
      '[default]\nregion = x\n[profile other]\naws_access_key_id = config-key\naws_secret_access_key=config=secret\n',
      '# mine\n[default]\naws_access_key_id=file-key\naws_secret_access_key = file-secret \n\n[temporary]\naws_access_key_id=t\naws_secret_access_key=s\naws_session_token=token\n',
    );

  test('come from the environment first', async () => {
    const env = { ...files(), AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' };
    expect(await credentialsOf(env)).toEqual({ accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' });
  });

  test('come from the profile of either file', async () => {
    const env = files();
    expect(await credentialsOf(env)).toMatchObject({ accessKeyId: 'file-key', secretAccessKey: 'file-secret' });
    expect(await credentialsOf({ ...env, AWS_PROFILE: 'other' })).toMatchObject({
      accessKeyId: 'config-key',
      secretAccessKey: 'config=secret',
    });
    expect(await credentialsOf({ ...env, AWS_PROFILE: 'temporary' })).toMatchObject({ sessionToken: 'token' });
  });

  test('with a token are read again every few minutes, because another program renews the file', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const profile = (token: string) =>
      `[default]\naws_access_key_id=k\naws_secret_access_key=s\naws_session_token=${token}\n`;
    const env = home('', profile('old'));
    const { credentials } = s3Settings('s3://bucket', {}, env);
    expect(await credentials()).toMatchObject({ sessionToken: 'old' });
    writeFileSync(join(env.HOME as string, '.aws/credentials'), profile('new'));
    expect(await credentials()).toMatchObject({ sessionToken: 'old' });
    vi.setSystemTime(Date.now() + 6 * 60_000);
    expect(await credentials()).toMatchObject({ sessionToken: 'new' });
    writeFileSync(join(env.HOME as string, '.aws/credentials'), profile('newest'));
    expect(await credentials(true)).toMatchObject({ sessionToken: 'newest' });
  });
});
