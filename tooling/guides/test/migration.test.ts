import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBusConfig } from '@quantbot/infra';
import { openDuckDb } from '@quantbot/storage';
import { hasPython, pythonWithDataTools } from '@quantbot/tooling-config/python';
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { type Block, readBlocks } from './support/page.js';
import { makeProject, type Project, prepareTypeScript, repository, writeBlock } from './support/project.js';
import { Walk } from './support/walk.js';

const guide = join(repository, 'docs/guides/migration.md');
const blocks = readBlocks(guide);
const parts = [...new Set(blocks.map(({ part }) => part))];
const partOf = (phase: number): string => parts.find(part => part.startsWith(`Phase ${phase}: `)) ?? '';
const isGoingBack = ({ section }: Block): boolean => section.startsWith('Going back');
const stepOf = (phase: number): Block[] =>
  blocks.filter(block => block.part === partOf(phase) && (phase === 5 || !isGoingBack(block)));
const wayBack = (phase: number): Block[] => blocks.filter(block => block.part === partOf(phase) && isGoingBack(block));

test('each phase has files, commands and outputs, and none is in a language that is not tried', () => {
  const counts = parts.map(part => {
    const of = (use: Block['use']) => blocks.filter(block => block.part === part && block.use === use).length;
    return { part, files: of('file'), commands: of('commands'), outputs: of('output') };
  });
  // A block that is added or taken away is noticed here, so that no fence is lost by a typing mistake.
  expect(counts).toEqual([
    { part: 'What you have', files: 0, commands: 2, outputs: 1 },
    { part: 'Phase 1: Deploy bus infrastructure', files: 1, commands: 7, outputs: 3 },
    { part: 'Phase 2: Migrate one producer', files: 4, commands: 4, outputs: 3 },
    { part: 'Phase 3: Verify end-to-end flow', files: 0, commands: 6, outputs: 5 },
    { part: 'Phase 4: Migrate remaining producers incrementally', files: 8, commands: 6, outputs: 5 },
    { part: 'Phase 5: Remove direct DuckDB writes', files: 6, commands: 17, outputs: 8 },
  ]);
});

test('its TypeScript type-checks and its settings are valid, also where no Python is to run the rest', () => {
  const folder = temporaryFolder();
  for (const [index, block] of blocks.entries())
    if (block.language === 'typescript') writeBlock(folder, { path: `jobs/${index}.ts`, code: block.code });
  prepareTypeScript(folder);
  const { stdout } = spawnSync('npx', ['tsc', '--noEmit', '--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
  expect(stdout).toBe('');
  const settings = blocks.filter(({ path }) => path === 'bus_config.json').map(({ code }) => code);
  expect(settings.map(text => parseBusConfig(text, join(folder, 'bus_config.json')).duckdbPath)).toEqual(
    ['bus', 'alerts', 'bus'].map(name => join(folder, `data/${name}.duckdb`)),
  );
});

describe.skipIf(!hasPython)(`the guide, typed from top to bottom${hasPython ? '' : ' (skipped: no python3)'}`, () => {
  let project: Project | undefined;
  let walk: Walk;
  const lastGood = new Set<number>();

  beforeAll(() => {
    const python = pythonWithDataTools();
    if (python === undefined) return;
    project = makeProject(
      blocks.filter(({ isBefore }) => isBefore),
      python,
    );
    walk = new Walk(project);
  }, 500_000);

  afterAll(() => {
    walk?.terminals.close();
    project?.remove();
  });

  /** A phase makes sense only after the one before it. */
  function begin(context: TestContext, phase: number): string {
    if (project === undefined) return context.skip('PyPI is not reachable, so there are no data tools for Python');
    if (phase > 0) expect([...lastGood], `phase ${phase - 1} has gone well`).toContain(phase - 1);
    return project.folder;
  }

  const inFolder = (name: string): string => join(project?.folder ?? '', name);

  test('before it, programs write data/alerts.duckdb themselves', async context => {
    begin(context, 0);
    await walk.follow(blocks.filter(({ part }) => part === 'What you have'));
    expect(readdirSync(inFolder('data'))).toEqual(['alerts.duckdb']);
    lastGood.add(0);
  });

  test('phase 1: the bus runs beside the old database, and touches none of it', async context => {
    begin(context, 1);
    const before = hashOf(inFolder('data/alerts.duckdb'));
    await walk.follow(stepOf(1));
    expect(hashOf(inFolder('data/alerts.duckdb'))).toBe(before);
    expect(JSON.parse(readFileSync(inFolder('scan-baseline.json'), 'utf8'))).toBeTruthy();
    await goBack(1, copy => {
      expect(readdirSync(join(copy, 'data'))).toEqual(['alerts.duckdb']);
      expect(hashOf(join(copy, 'data/alerts.duckdb'))).toBe(before);
    });
    lastGood.add(1);
  });

  test('phase 2: a producer writes both ways, and going back needs nothing of the bus', async context => {
    begin(context, 2);
    await walk.follow(stepOf(2));
    expect(await ask('data/alerts.duckdb', tradesByRun)).toEqual(perRun('run-1', 'run-2'));
    expect(await ask('data/bus.duckdb', tradesByRun.replace('trades', 'canon.trades'))).toEqual(
      perRun('run-1', 'run-2'),
    );
    expect(await ask('data/bus.duckdb', 'SELECT count(DISTINCT _seq) AS jobs FROM canon.sim_fills')).toEqual([
      { jobs: 1 },
    ]);
    await goBack(2, () => {});
    lastGood.add(2);
  });

  test('phase 3: compare says equal, or shows the row that only one way has', async context => {
    begin(context, 3);
    await walk.follow(stepOf(3));
    expect(wayBack(3)).toEqual([]); // it is phase 2's
    lastGood.add(3);
  });

  test('phase 4: Python writes both ways, and each reader gets the rows that it got before', async context => {
    begin(context, 4);
    await walk.follow(stepOf(4));
    const [exported, published] = await Promise.all([
      ask('data/bus.duckdb', `SELECT * EXCLUDE (_seq, _artifact_key) FROM canon.alerts_std ORDER BY run_id, alert_id`),
      ask('data/alerts.duckdb', 'SELECT * FROM canon.alerts_std ORDER BY run_id, alert_id'),
    ]);
    expect(exported).toHaveLength(1000);
    expect(exported).toEqual(published);
    await goBack(4, () => {});
    lastGood.add(4);
  });

  test('phase 5: the two databases become one under the old name, and going back gives the old one with all rows', async context => {
    const folder = begin(context, 5);
    const questions = ['SELECT * FROM trades ORDER BY ALL', 'SELECT * FROM tokens'];
    const before = await Promise.all(questions.map(sql => ask('data/alerts.duckdb', sql)));
    const old = hashOf(inFolder('data/alerts.duckdb'));
    const [forward, back] = [stepOf(5).filter(block => !isGoingBack(block)), wayBack(5)];
    const use = forward.findIndex(({ section }) => section === 'Use it');
    await walk.follow(forward.slice(0, use));
    expect(readdirSync(join(folder, 'data')).filter(name => name.endsWith('.duckdb'))).toEqual(['alerts.duckdb']);
    for (const [index, sql] of questions.entries()) expect(await ask('data/alerts.duckdb', sql)).toEqual(before[index]);
    const [backup = ''] = readdirSync(join(folder, 'data')).filter(name => name.includes('.before-bus-'));
    expect(hashOf(join(folder, 'data', backup))).toBe(old);
    expect(JSON.parse(readFileSync(inFolder('scan-baseline.json'), 'utf8'))).toMatchObject({ places: [] });
    await walk.follow(forward.slice(use));
    await walk.follow(back);
    expect(existsSync(join(folder, 'data', backup))).toBe(false);
    expect(await ask('data/alerts.duckdb', tradesByRun)).toEqual(perRun('by-hand', 'run-1', 'run-2', 'run-4'));
    lastGood.add(5);
  });

  test('who has gone back can go forward again', async context => {
    begin(context, 6);
    const again = stepOf(5).filter(({ section, use }) => section === 'The two become one' && use !== 'output');
    await new Walk(walk.project, walk.terminals).follow(again);
    expect(await ask('data/alerts.duckdb', tradesByRun.replace('trades', 'canon.trades'))).toEqual(
      await ask('data/alerts.duckdb', tradesByRun),
    );
    expect(await ask('data/alerts.duckdb', 'SELECT * FROM tokens')).toHaveLength(1);
    await walk.terminals.stopDaemon();
  });

  test('and each block of it was tried', context => {
    begin(context, 6);
    expect(walk.done.map(({ line }) => line).sort((a, b) => a - b)).toEqual(blocks.map(({ line }) => line));
  });

  /** Tries the way back of a phase in a copy of the project, so that the way forward goes on from here. */
  async function goBack(phase: number, check: (folder: string) => void): Promise<void> {
    const back = wayBack(phase);
    expect(back.length, `ways back from phase ${phase}`).toBeGreaterThan(0);
    await walk.terminals.stopDaemon(); // a copy of a bus is made while nobody writes
    const copy = (project as Project).copy();
    const other = new Walk(copy);
    try {
      await other.terminals.startDaemon('python3 scripts/bus_daemon.py');
      await other.follow(back);
      check(copy.folder);
      if (other.terminals.daemonRuns) await other.terminals.stopDaemon();
    } finally {
      other.terminals.close();
      copy.remove();
    }
    walk.done.push(...back);
    await walk.terminals.startDaemon('python3 scripts/bus_daemon.py');
  }

  async function ask(database: string, sql: string): Promise<object[]> {
    const db = await openDuckDb(inFolder(database), { readOnly: true });
    try {
      return await db.query(sql);
    } finally {
      await db.close();
    }
  }
});

function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'quantbot-guide-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const tradesByRun = 'SELECT run_id, count(*) AS n FROM trades GROUP BY run_id ORDER BY run_id';
const perRun = (...runs: string[]): object[] => runs.map(run_id => ({ run_id, n: 1000 }));
const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
