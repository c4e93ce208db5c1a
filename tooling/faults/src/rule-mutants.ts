/** A rule of forgetting that the daemon breaks. */
export interface RuleMutant {
  /** The code of the rule, as it is built, and what stands in its place. */
  from: string;
  to: string;
  /** The daemon is killed here once, if the rule shows only after a kill. */
  killAt?: string;
}

/** Each rule that forgetting depends on, broken. The checker must notice every one. */
export const ruleMutants: Readonly<Record<string, RuleMutant>> = {
  'bytes are removed before the commit': {
    from: 'else forgetting.gone.push({ row: judged.row, status: gone });',
    to: `else {
      forgetting.gone.push({ row: judged.row, status: gone });
      process.getBuiltinModule('fs').rmSync(bus.layout.root + '/' + judged.row.rel_path, { force: true });
    }`,
    killAt: 'commit:before-rename',
  },
  'protection is not looked at': { from: 'protectedBy.length > 0 && !force', to: 'false' },
  'a removal counts as done before it is': {
    from: 'const graceEnd = bus.now() - graceMs;',
    to: 'const graceEnd = bus.now() - graceMs; await writeRemovedUpTo(layout, upTo);',
    killAt: 'forget:file-removed',
  },
  'the bytes of a restored artifact are removed': { from: 'r.seq IS NULL OR f.seq >= r.seq', to: 'true' },
  'the same bytes of a forgotten artifact are a duplicate': {
    from: `isGone ? "restored" : "duplicate"`,
    to: `"duplicate"`,
  },
  'rows stay in tables that must drop them': {
    from: 'if (!await wasMadeForAnotherMode(bus.layout, table, turn))',
    to: 'if (true)',
  },
  'rows leave tables but not exports': {
    from: 'tableTurns.get(first) ?? 0',
    to: '0',
  },
  'a forgotten artifact leaves the catalog': {
    from: 'LEFT JOIN (SELECT artifact_key, run_id, forgotten_at FROM _bus.forgotten) f USING (artifact_key, run_id)',
    to: 'LEFT JOIN (SELECT artifact_key, run_id, forgotten_at FROM _bus.forgotten) f USING (artifact_key, run_id) ANTI JOIN _bus.forgotten USING (artifact_key)',
  },
};
