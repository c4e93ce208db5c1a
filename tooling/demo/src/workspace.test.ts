import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freshWorkspace } from './workspace.js';

function emptyRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'demo-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return root;
}

test('the demo leaves the bus of the repository alone', async () => {
  const root = emptyRoot();
  mkdirSync(join(root, 'data/bus/inbox'), { recursive: true });
  const { data } = await freshWorkspace(root);
  expect(data).toBe(join(root, 'demo/data'));
  expect(readdirSync(root).sort()).toEqual(['data', 'demo']);
});

test('what came into an earlier demo is kept when the demo runs again', async () => {
  const root = emptyRoot();
  const first = await freshWorkspace(root);
  writeFileSync(join(first.data, 'somebody-elses.parquet'), 'rows');
  const second = await freshWorkspace(root);
  expect(readdirSync(second.data)).toEqual(['work']);
  const [kept = ''] = readdirSync(root).filter(name => name.startsWith('demo-until-'));
  expect(existsSync(join(root, kept, 'data/somebody-elses.parquet'))).toBe(true);
});
