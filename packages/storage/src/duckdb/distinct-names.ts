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
