import { mkdirSync, mkdtempSync, readdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'vitest';
import { initBusRoot } from '@quantbot/infra';
import { canBuild, placeJobCase, readJobCases } from './support/job-fixtures.js';
test('all', { timeout: 300000 }, async () => {
  const folder = mkdtempSync('/tmp/fx/bus-');
  const busRoot = join(folder, 'bus'); await initBusRoot(busRoot);
  const outside = join(folder, 'outside'); mkdirSync(outside);
  writeFileSync(join(folder, 'bus_config.json'), JSON.stringify({ bus_root: 'bus', duckdb_path: 'alerts.duckdb', export: { export_dir: 'exports', enabled: false } }));
  const placed: any[] = [];
  for (const c of readJobCases()) { if (!canBuild(c)) continue; for (const p of placeJobCase(c, busRoot, outside)) placed.push({ c, ...p }); }
  const digest = () => createHash('sha256').update(readFileSync(join(outside, 'secret.parquet'))).digest('hex');
  const before = digest();
  const t = Date.now();
  let out = ''; try { out = execFileSync('node', ['dist/cli.js', 'start', '--drain', '--config', join(folder, 'bus_config.json')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 200000, maxBuffer: 1e9 }); } catch (e: any) { console.log('EXIT', e.status, e.signal, String(e.stderr).slice(-3000)); }
  console.log('ms', Date.now() - t, 'jobs', placed.length, 'outside same', before === digest());
  const rejected = readdirSync(join(busRoot, 'rejected'));
  let bad = 0;
  for (const { c, folder: f, expect: e } of placed) {
    const name = String(f);
    let id = rejected.includes(name) || existsSync(join(busRoot, 'processed', name)) || existsSync(join(busRoot, 'inbox', name)) ? name : rejected.find(r => r.startsWith('invalid-' + createHash('sha256').update(f).digest('hex').slice(0, 12)));
    let got: any = { status: 'lost' };
    if (id && existsSync(join(busRoot, 'rejected', id, 'REJECT_REASON.json'))) { const r = JSON.parse(readFileSync(join(busRoot, 'rejected', id, 'REJECT_REASON.json'), 'utf8')); got = { status: 'rejected', code: r.code, details: r.details, error: r.error }; }
    else if (id && existsSync(join(busRoot, 'processed', id, 'RECEIPT.json'))) got = { status: JSON.parse(readFileSync(join(busRoot, 'processed', id, 'RECEIPT.json'), 'utf8')).status };
    else if (existsSync(join(busRoot, 'inbox', name))) got = { status: 'ignored' };
    const ok = got.status === e.status && got.code === e.code && (e.field === undefined || got.details.some((d: string) => d.startsWith(e.field)));
    if (!ok) { bad++; console.log('DIFF', c.name, JSON.stringify(e), JSON.stringify(got).slice(0, 300)); }
  }
  console.log('bad', bad);
});
