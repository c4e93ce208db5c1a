import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { refusalOf } from '../../test/support/refusal.js';
import { commentedDefaults } from './commented-defaults.js';
import { withValue } from './comments.js';
import { findBusConfig, parseBusConfig } from './config.js';
import { configSchema } from './schema.js';

const env = {};

test('without a file everything has a default, relative to the working folder', () => {
  const cwd = temporaryFolder();
  const { path, config } = findBusConfig({ cwd, env });
  expect(path).toBeUndefined();
  expect(config).toMatchObject({
    busRoot: join(cwd, 'data/bus'),
    duckdbPath: join(cwd, 'data/alerts.duckdb'),
    pollIntervalMs: 1000,
    lockTimeoutMs: 10_000,
    export: { enabled: true, exportDir: join(cwd, 'data/exports'), jobs: [] },
  });
});

test('relative paths are relative to the file, absolute ones stay', () => {
  const config = parseBusConfig(
    JSON.stringify({
      bus_root: '../shared/bus',
      duckdb_path: '/var/alerts.duckdb',
      export: {
        export_dir: 'out',
        jobs: [
          { name: 'daily', sql: 'SELECT 1' },
          { name: 'b', sql: 'x', path: 'deep/b.parquet' },
        ],
      },
    }),
    '/srv/lab/bus_config.json',
  );
  expect(config.busRoot).toBe('/srv/shared/bus');
  expect(config.duckdbPath).toBe('/var/alerts.duckdb');
  expect(config.export.jobs.map(job => job.path)).toEqual([
    '/srv/lab/out/daily.parquet',
    '/srv/lab/out/deep/b.parquet',
  ]);
});

describe('the file is found', () => {
  test('by flag, then by the environment, then upwards from the working folder', () => {
    const folder = temporaryFolder();
    const deep = join(folder, 'a/b/c');
    mkdirSync(deep, { recursive: true });
    for (const name of ['flag', 'env', 'up'])
      writeFileSync(join(folder, `${name}.json`), JSON.stringify({ bus_root: name }));
    const up = join(folder, 'a/bus_config.json');
    writeFileSync(up, JSON.stringify({ bus_root: 'up' }));
    const variables = { QUANTBOT_BUS_CONFIG: join(folder, 'env.json') };
    expect(findBusConfig({ config: '../../../flag.json', cwd: deep, env: variables }).config.busRoot).toBe(
      join(folder, 'flag'),
    );
    expect(findBusConfig({ cwd: deep, env: variables }).config.busRoot).toBe(join(folder, 'env'));
    expect(findBusConfig({ cwd: deep, env })).toMatchObject({ path: up, config: { busRoot: join(folder, 'a/up') } });
    expect(findBusConfig({ cwd: deep, env: { QUANTBOT_BUS_CONFIG: '' } }).path).toBe(up);
  });

  test('and one that was named must be there', () => {
    const cwd = temporaryFolder();
    expect(() => findBusConfig({ config: 'nowhere.json', cwd, env })).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FOUND', message: expect.stringContaining('nowhere.json') }),
    );
  });

  test('a folder in its place is not passed over', () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'bus_config.json'));
    expect(() => findBusConfig({ cwd, env })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('mistakes are told', () => {
  test.each([
    ['busroot', 'Did you mean bus_root?'],
    ['poll_interval', 'Did you mean poll_interval_s?'],
    ['busRoot', 'Did you mean bus_root?'],
    ['exports', 'Did you mean export?'],
    ['retries', 'Here the settings are bus_root, duckdb_path'],
  ])('%s is no setting: %s', (key, hint) => {
    const { code, details } = refusalOf({ [key]: 1 });
    expect(code).toBe('CONFIG_INVALID');
    expect(details).toEqual([expect.stringContaining(`${key}: there is no such setting. ${hint}`)]);
  });

  test('within an object and within a list the names of that place are suggested', () => {
    const { details } = refusalOf({ export: { timeout: 1, jobs: [{ name: 'a', sql: 'SELECT 1', paht: 'x' }] } });
    expect(details.join('\n')).toContain('export.timeout: there is no such setting. Did you mean timeout_s?');
    expect(details.join('\n')).toContain('export.jobs.0.paht: there is no such setting. Did you mean path?');
  });

  test('all at once', () => {
    const { message, details } = refusalOf({
      bus_root: '',
      poll_interval_s: 0,
      lock_timeout_s: '10',
      log_level: 'loud',
      batch: { max_jobs: 0.5 },
      unknown: true,
      __proto__: null,
    });
    expect(message).toContain('6 mistakes');
    expect(details.map(detail => detail.split(':')[0])).toEqual(
      expect.arrayContaining([
        'bus_root',
        'poll_interval_s',
        'lock_timeout_s',
        'log_level',
        'batch.max_jobs',
        'unknown',
      ]),
    );
  });

  test.each([
    ['not JSON', '{ bus_root: 1 }'],
    ['empty', ''],
    ['a list', '[]'],
    ['__proto__ as a setting', '{"__proto__": {"x": 1}}'],
    ['an export out of its folder', { export: { jobs: [{ name: 'a', sql: 'x', path: '../a.parquet' }] } }],
    ['an export at an absolute path elsewhere', { export: { jobs: [{ name: 'a', sql: 'x', path: '/etc/a' }] } }],
    ['an export that is its folder', { export: { jobs: [{ name: 'a', sql: 'x', path: '.' }] } }],
    [
      'two exports of one name',
      {
        export: {
          jobs: [
            { name: 'a', sql: 'x' },
            { name: 'A', sql: 'y' },
          ],
        },
      },
    ],
    [
      'two exports at one place',
      {
        export: {
          jobs: [
            { name: 'a', sql: 'x' },
            { name: 'b', sql: 'y', path: 'A.parquet' },
          ],
        },
      },
    ],
    ['partitions of a file', { export: { jobs: [{ name: 'a', sql: 'x', partition_by: ['day'] }] } }],
    ['a partition twice', { export: { tables: { a: { layout: 'dataset', partition_by: ['day', 'Day'] } } } }],
    [
      'sorting by a partition',
      { export: { tables: { a: { layout: 'dataset', partition_by: ['day'], sort_by: ['Day desc'] } } } },
    ],
    ['an export with a name that is none', { export: { jobs: [{ name: '../a', sql: 'x' }] } }],
  ])('%s', (_what, config) => {
    expect(refusalOf(config).code).toBe('CONFIG_INVALID');
  });

  test.each(['data/*', 'data/b?s', 'data/[bus]', 'data/{bus}', 'data\\bus', 'env=prod/bus', 'a/b=c'])(
    'a root that DuckDB would misread: %s',
    root => {
      expect(refusalOf({ bus_root: root }).code).toBe('BUS_ROOT_INVALID');
      expect(refusalOf({ duckdb_path: root }).code).toBe('BUS_ROOT_INVALID');
      expect(refusalOf({ export: { export_dir: root } }).code).toBe('BUS_ROOT_INVALID');
    },
  );
});

test('a dataset is a folder, with a name of its own kind', () => {
  const jobs = [
    { name: 'daily', sql: 'SELECT 1', layout: 'dataset', partition_by: ['day'] },
    { name: 'b', sql: 'x', layout: 'dataset', path: 'deep/b' },
  ];
  const { export: exports } = parseBusConfig(JSON.stringify({ export: { jobs } }), '/srv/bus_config.json');
  expect(exports.jobs.map(job => job.path)).toEqual(['/srv/data/exports/daily', '/srv/data/exports/deep/b']);
  expect(exports.jobs[0]?.options).toMatchObject({ layout: 'dataset', partitionBy: ['day'] });
});

test('a byte order mark before the text does not matter', () => {
  expect(parseBusConfig('\uFEFF{"poll_interval_s": 2}', '/srv/bus_config.json').pollIntervalMs).toBe(2000);
});

describe('comments', () => {
  const cases = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/config/comments.json'), 'utf8')) as {
    text: string;
    bus_root: string | null;
  }[];

  test.each(cases)('$text says $bus_root', ({ text, bus_root }) => {
    if (bus_root === null) expect(() => parseBusConfig(text, '/srv/bus_config.json')).toThrow();
    else expect(parseBusConfig(text, '/srv/bus_config.json').busRoot).toBe(join('/srv', bus_root));
  });

  test('stay when a value is written among them', () => {
    const text = '// mine\n{\n  "publish": { "views": [] }, // none\n  "poll_interval_s": 2\n}\n';
    const edited = withValue(text, ['publish', 'views'], [{ name: 'a.b', sql: 'SELECT 1' }]);
    expect(edited).toContain('// mine\n{');
    expect(edited).toContain('// none\n  "poll_interval_s": 2\n}\n');
    expect(parseBusConfig(edited, '/srv/bus_config.json').publish.views).toEqual([{ name: 'a.b', sql: 'SELECT 1' }]);
  });
});

describe('a file that is not JSON', () => {
  test.each([
    ['{\n  // mine\n  "a": {,}\n}', 'line 3, column 9: '],
    ['{\n  "a": 1 /* one\n line */ "b": 2\n}', 'line 3, column 10: a comma is missing'],
    ['{ "a": "b\n', 'line 1, column 8: a text is not closed'],
    ['{ "a": [1, 2 ', 'line 1, column 14: a closing bracket ] is missing'],
    ['{ a: 1 }', 'line 1, column 3: '],
    ['', 'line 1, column 1: '],
  ])('is told where: %j', (text, place) => {
    expect(() => parseBusConfig(text, '/srv/bus_config.json')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', details: [expect.stringContaining(place)] }),
    );
  });
});

test('a key that is there twice is refused', () => {
  const text = '{"bus_root": "a", /* or */ "bus_\\u0072oot": "b"}';
  expect(() => parseBusConfig(text, 'bus_config.json')).toThrow('bus_config.json has a key twice: "bus_root".');
});

describe('the configuration with every setting at its default', () => {
  const text = commentedDefaults();

  test('names its JSON Schema for editors, if there is one', () => {
    expect(text).not.toContain('$schema');
    const named = commentedDefaults('./schema.json');
    expect(named).toContain('"$schema": "./schema.json",');
    expect(parseBusConfig(named, '/srv/bus_config.json')).toEqual(parseBusConfig('{}', '/srv/bus_config.json'));
  });

  test('is one, and says what nothing says', () => {
    expect(parseBusConfig(text, '/srv/bus_config.json')).toEqual(parseBusConfig('{}', '/srv/bus_config.json'));
  });

  interface Setting {
    description?: string;
    properties?: Record<string, Setting>;
    items?: Setting;
    additionalProperties?: Setting | false;
    anyOf?: Setting[];
  }

  const settingsOf = ({ properties = {}, items, additionalProperties, anyOf }: Setting): [string, Setting][] =>
    [
      ...Object.entries(properties),
      ...[items, additionalProperties || undefined, ...(anyOf ?? [])].flatMap(each =>
        Object.entries(each?.properties ?? {}),
      ),
    ].flatMap(([name, setting]) => [
      [name, setting] as [string, Setting],
      ...(setting.properties ? settingsOf(setting) : []),
    ]);

  test('has a line that says what it is for above each setting, and one for each of what lists hold', () => {
    const text = commentedDefaults('./schema.json').replaceAll('$schema', 'schema');
    const settings = settingsOf(configSchema.toJSONSchema({ io: 'input' }) as Setting);
    expect(settings.length).toBeGreaterThan(25);
    const lines = text.split('\n');
    for (const [path, { description }] of settings) {
      const name = path.replace('$', '');
      expect(description, name).toBeTruthy();
      expect(
        lines.some(line => line.trim().startsWith('//') && line.includes(description ?? '?')),
        name,
      ).toBe(true);
      expect(text, name).toMatch(new RegExp(`(//   (?:\\w+\\.)?${name} |"${name}": )`));
    }
  });
});

test.each([
  ['more lists in each other than DuckDB can plan', `INTEGER${'[]'.repeat(100_000)}`, /at most 16 lists/],
  ['more digits than DuckDB has', 'DECIMAL(39,2)', /1 to 38 digits/],
  ['no digit', 'DECIMAL(0,0)', /1 to 38 digits/],
  ['more digits behind the point than in all', 'DECIMAL(2,3)[]', /1 to 38 digits/],
])('a column of %s is refused with its place', (_, type, problem) => {
  const { code, details } = refusalOf({ canon: { tables: { t: { columns: { a: { type } } } } } });
  expect(code).toBe('CONFIG_INVALID');
  expect(details).toEqual([expect.stringMatching(/^canon\.tables\.t\.columns\.a\.type: /)]);
  expect(details[0]).toMatch(problem);
});

test('what a bus on many machines does not have is a mistake in its configuration', () => {
  const cluster = { postgres: 'postgres://bus@db/bus', objects: 'file:///srv/objects' };
  const more = { publish: { views: [{ name: 'desk.all', sql: 'SELECT 1 AS x' }] } };
  const { code, details } = refusalOf({ cluster, ...more });
  expect({ code, details }).toEqual({
    code: 'CONFIG_INVALID',
    details: [expect.stringContaining('publish.views')],
  });
  expect(parseBusConfig(JSON.stringify(more), '/p/bus_config.json').publish.views).toHaveLength(1);
});
