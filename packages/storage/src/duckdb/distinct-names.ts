/** Makes column names unique: a duplicate becomes `a:1`, `a:2`, or the next free name. */
export function distinctNames(names: readonly string[]): string[] {
  const all = new Set(names);
  const taken = new Set<string>();
  return names.map(name => {
    let free = name;
    for (let count = 1; taken.has(free); count++) {
      const next = `${name}:${count}`;
      if (!all.has(next)) free = next;
    }
    taken.add(free);
    return free;
  });
}

/** Returns a name that none of these columns has, for a further column. DuckDB ignores case. */
export function nameBeside(columns: readonly string[], name: string): string {
  const taken = new Set(columns.map(column => column.toLowerCase()));
  let free = name;
  while (taken.has(free)) free += '_';
  return free;
}
