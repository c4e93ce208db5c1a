import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBusConfig } from '@quantbot/infra/config';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { root } from './repository.js';

const ops = join(root, 'docs/ops');

interface Service {
  build?: string | { context: string; args?: Record<string, string> };
  image?: string;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
}

const composeFiles = readdirSync(ops).filter(name => name.endsWith('.yaml'));

test.each(composeFiles)('%s is YAML, and names only services, volumes and files that there are', name => {
  const document = parseDocument(readFileSync(join(ops, name), 'utf8'), { merge: true, uniqueKeys: true });
  expect([...document.errors, ...document.warnings]).toEqual([]);
  const { services, volumes = {} } = document.toJS() as {
    services: Record<string, Service>;
    volumes?: Record<string, object>;
  };
  expect(Object.keys(services)).not.toEqual([]);
  for (const service of Object.values(services)) {
    expect([service.build, service.image].filter(source => source !== undefined)).toHaveLength(1);
    const context = typeof service.build === 'object' ? service.build.context : service.build;
    if (context !== undefined) expect(existsSync(join(ops, context, 'Dockerfile'))).toBe(true);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(service.depends_on ?? {})));
    for (const source of (service.volumes ?? []).map(volume => volume.split(':')[0] as string)) {
      if (source.startsWith('.')) expect(existsSync(join(ops, source)), source).toBe(true);
      else if (!source.startsWith('/')) expect(Object.keys(volumes)).toContain(source);
    }
  }
});

test('the configuration of the cluster in containers is valid', () => {
  const { config } = findBusConfig({ config: join(ops, 'cluster.json') });
  expect(config.cluster).toMatchObject({ objects: 's3://research/bus', s3: { pathStyle: true } });
});
