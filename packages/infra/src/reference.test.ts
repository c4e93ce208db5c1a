import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { temporaryBus } from '../test/support/folders.js';
import { writeCounting } from '../test/support/parquet.js';
import { stagedMark } from './bus-layout.js';
import { tableModeNames } from './config/canon-table.js';
import { configSchema } from './config/schema.js';
import { rejectCodes, submitCodes } from './errors.js';
import { manifestArtifactSchema, manifestSchema, parseManifest } from './manifest.js';

const read = (name: string) => readFileSync(join(import.meta.dirname, '../../../docs/reference', name), 'utf8');

/**
 * The rows of the tables below a heading, cells trimmed; all tables of the text when there is no
 * heading.
 */
function tableRows(text: string, heading?: string): string[][] {
  const begin = heading === undefined ? 0 : text.indexOf(`\n${heading}\n`);
  expect(begin, `the heading ${heading}`).not.toBe(-1);
  const section = text.slice(begin + 1).split(/\n## /)[0] ?? '';
  return section
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line => line.split(/(?<!\\)\|/).slice(1, -1))
    .map(cells => cells.map(cell => cell.trim().replaceAll('\\|', '|')));
}

const unquote = (cell: string | undefined) => cell?.replaceAll('`', '');

test('docs/reference/configuration.md describes each mode of canonical tables, and no other', () => {
  const section = read('configuration.md').split('\n## Modes of canonical tables\n')[1]?.split('\n## ')[0] ?? '';
  expect([...section.matchAll(/^- \*\*`(\w+)`\*\*/gm)].map(match => match[1])).toEqual(tableModeNames);
});

test('every code that infra raises is in the registry, and every code of submission is raised', () => {
  const folder = import.meta.dirname;
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map(name => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const raised = new Set([...sources.matchAll(/busError\(\s*'([A-Z_]+)'/g)].map(match => match[1]));
  const known = [...Object.keys(rejectCodes), ...Object.keys(submitCodes)];
  expect([...raised].filter(code => !known.includes(String(code)))).toEqual([]);
  const chosen = new Set([...sources.matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map(match => match[1]));
  expect(Object.keys(submitCodes).filter(code => !chosen.has(code))).toEqual([]);
});

describe('docs/reference/configuration.md', () => {
  interface Property {
    type?: string;
    default?: unknown;
    description?: string;
    properties?: Record<string, Property>;
    items?: Property;
    anyOf?: Property[];
    additionalProperties?: Property | boolean;
  }

  /** Every setting by its path, with its default as JSON. */
  function settingsOf({ properties = {} }: Property, prefix = ''): [string, string][] {
    return Object.entries(properties).flatMap(([name, property]) => {
      const path = `${prefix}${name}`;
      const inner = property.anyOf?.find(({ properties }) => properties !== undefined) ?? property;
      if (inner.properties !== undefined) return settingsOf(inner, `${path}.`);
      const own: [string, string] = [path, property.default === undefined ? '' : JSON.stringify(property.default)];
      const entry = typeof property.additionalProperties === 'object' ? property.additionalProperties : {};
      return [own, ...settingsOf(property.items ?? {}, `${path}[].`), ...settingsOf(entry, `${path}.<name>.`)];
    });
  }

  test('has each setting with its default, and no other', () => {
    const settings = settingsOf(configSchema.toJSONSchema({ io: 'input' }) as Property);
    const rows = tableRows(read('configuration.md').split('## Environment')[0] ?? '');
    const documented = rows.map(([name, value]) => [unquote(name), value?.includes('<') ? '' : unquote(value)]);
    expect(documented).toEqual(settings);
  });

  test('names a unit wherever the setting does', () => {
    const units: [RegExp, string][] = [
      [/_s$/, 'seconds'],
      [/_bytes$/, 'bytes'],
      [/_mb$/, 'MiB'],
      [/(_root|_path|_dir|\.path)$/, 'path'],
    ];
    for (const [name, , unit] of tableRows(read('configuration.md').split('## Environment')[0] ?? ''))
      for (const [pattern, expected] of units) if (pattern.test(unquote(name) ?? '')) expect(unit, name).toBe(expected);
  });

  test('its example is a configuration', () => {
    const [, example] = /```json\n(.*?)```/s.exec(read('configuration.md')) ?? [];
    expect(configSchema.safeParse(JSON.parse(example ?? '')).success).toBe(true);
  });
});

describe('docs/reference/manifest.md', () => {
  test('has each field, and whether it is required', () => {
    const rows = tableRows(read('manifest.md'), '## manifest.json');
    const fieldsOf = (schema: typeof manifestSchema | typeof manifestArtifactSchema) => {
      const { properties, required } = schema.toJSONSchema({ io: 'input' }) as {
        properties: object;
        required: string[];
      };
      return Object.keys(properties).map(name => [name, required.includes(name) ? 'required' : 'optional']);
    };
    const documented = rows.map(([name, needed]) => [unquote(name), needed]);
    expect(documented).toEqual([...fieldsOf(manifestSchema), ...fieldsOf(manifestArtifactSchema)]);
  });

  test('its Python example submits a job', async ({ skip }) => {
    const { folder, busRoot } = await temporaryBus();
    const parquet = await writeCounting(join(folder, 'x.parquet'), 3);
    const [, code] = /```python\n(.*?)```/s.exec(read('manifest.md')) ?? [];
    const call = `print(submit(${JSON.stringify(busRoot)}, ${JSON.stringify(parquet)}, run_id="r", producer="p", kind="k", artifact_id="a"))`;
    let jobId = '';
    try {
      jobId = execFileSync('python3', ['-c', `${code}\n${call}`], { encoding: 'utf8' }).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') skip('there is no Python here');
      throw error;
    }
    const job = join(busRoot, 'inbox', jobId);
    expect(readdirSync(job).sort()).toEqual(['COMMIT', 'a.parquet', 'manifest.json']);
    expect(parseManifest(readFileSync(join(job, 'manifest.json')))).toMatchObject({ job_id: jobId, run_id: 'r' });
    expect(readFileSync(join(job, 'COMMIT'), 'utf8')).toBe(stagedMark);
  });
});

describe('README.md', () => {
  const example = join(import.meta.dirname, '../test/examples/readme.ts');

  test('its first example is the one that is compiled and run here', () => {
    const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
    const [, code] = /```ts\n(.*?)```/s.exec(readme) ?? [];
    expect(code?.replace('@quantbot/infra/utils', '../../src/utils/index.js')).toBe(readFileSync(example, 'utf8'));
  });

  test('its first example submits a job and tells the receipt', async () => {
    const { folder, busRoot } = await temporaryBus();
    const [cwd, root] = [process.cwd(), process.env.QUANTBOT_BUS_ROOT];
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation(line => lines.push(line));
    process.chdir(folder);
    process.env.QUANTBOT_BUS_ROOT = busRoot;
    try {
      const run = import(example);
      const [jobId = ''] = await vi.waitUntil(
        () => {
          const jobs = readdirSync(join(busRoot, 'inbox'));
          return jobs.length > 0 && jobs;
        },
        { timeout: 20_000 },
      );
      const manifest = parseManifest(readFileSync(join(busRoot, 'inbox', jobId, 'manifest.json')));
      const [artifact] = manifest.artifacts;
      mkdirSync(join(busRoot, 'processed', jobId));
      const receipt = {
        job_id: jobId,
        seq: 1,
        status: 'ingested',
        run_id: 'run-123',
        producer: 'simulation',
        committed_at: manifest.created_at_utc,
        artifacts: [
          { ...artifact, status: 'ingested', key: 'run-123/simulation/trades/trades', canonical_path: '/store' },
        ],
      };
      writeFileSync(join(busRoot, 'processed', jobId, 'RECEIPT.json'), JSON.stringify(receipt));
      await run;
      expect(lines).toEqual([`submitted ${jobId}: 1 rows`, 'stored at /store']);
    } finally {
      log.mockRestore();
      process.chdir(cwd);
      if (root === undefined) delete process.env.QUANTBOT_BUS_ROOT;
      else process.env.QUANTBOT_BUS_ROOT = root;
    }
  });
});
