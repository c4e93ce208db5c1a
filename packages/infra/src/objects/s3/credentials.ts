import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { busError } from '../../errors.js';
import type { Credentials } from './sign.js';

type Environment = Record<string, string | undefined>;

/** The settings of a profile in the shared files, by name in lower case. */
export type Profile = Readonly<Record<string, string>>;

/** Reads the profile `AWS_PROFILE` (or `default`) of `~/.aws/config` and `~/.aws/credentials`. */
export function readProfile(env: Environment): Profile {
  const name = env.AWS_PROFILE || 'default';
  const folder = join(env.HOME || homedir(), '.aws');
  const config = readIni(env.AWS_CONFIG_FILE || join(folder, 'config'));
  const credentials = readIni(env.AWS_SHARED_CREDENTIALS_FILE || join(folder, 'credentials'));
  return { ...config[name === 'default' ? name : `profile ${name}`], ...credentials[name] };
}

function readIni(path: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = Object.create(null);
  let section: Record<string, string> = {};
  for (const line of readOptional(path).split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1]?.replace(/\s+/g, ' ');
    if (header !== undefined) section = sections[header] ??= {};
    const [, name, value] = /^([A-Za-z_][\w-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) section[name.toLowerCase()] = value ?? '';
  }
  return sections;
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // absent or unreadable: the other sources follow
  }
}

/** Returns credentials; with `renew`, ones that were not returned before, if there are any. */
export type CredentialSource = (renew?: boolean) => Promise<Credentials>;

/** Ask for new credentials this long before the old ones expire. */
const renewBeforeMs = 5 * 60_000;

/**
 * Returns where credentials come from, in this order: the environment, the profile's keys, and
 * whatever `@aws-sdk/credential-provider-node` finds if it is installed (roles, single sign-on).
 */
export function credentialSource(env: Environment): CredentialSource {
  let current: Credentials | undefined;
  let asking: Promise<Credentials> | undefined;
  return async (renew = false) => {
    const ends = current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (current !== undefined && !renew && Date.now() < ends - renewBeforeMs) return current;
    asking ??= findCredentials(env).finally(() => {
      asking = undefined;
    });
    current = await asking;
    return current;
  };
}

async function findCredentials(env: Environment): Promise<Credentials> {
  if (env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY)
    return {
      accessKeyId: env.AWS_ACCESS_KEY_ID,
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
      sessionToken: env.AWS_SESSION_TOKEN || undefined,
    };
  const {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: token,
  } = readProfile(env);
  if (accessKeyId && secretAccessKey) {
    // The file does not say when a token ends; whoever renews it writes the file again.
    const expiration = token ? new Date(Date.now() + 2 * renewBeforeMs) : undefined;
    return { accessKeyId, secretAccessKey, sessionToken: token || undefined, ...(expiration && { expiration }) };
  }
  return await fromProvider();
}

const providerPackage = '@aws-sdk/credential-provider-node';

interface Provider {
  defaultProvider(): () => Promise<Credentials>;
}

async function fromProvider(): Promise<Credentials> {
  let provider: Provider;
  try {
    provider = (await import(providerPackage)) as Provider;
  } catch (cause) {
    throw busError(
      'OBJECT_STORE_DENIED',
      'There are no S3 credentials: neither in the environment nor in the shared files.',
      {
        cause,
        hint: `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. For roles and single sign-on run \`npm install ${providerPackage}\`.`,
      },
    );
  }
  try {
    return await provider.defaultProvider()();
  } catch (cause) {
    throw busError('OBJECT_STORE_DENIED', `${providerPackage} found no S3 credentials.`, { cause });
  }
}
