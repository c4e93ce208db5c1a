/**
 * Names of columns, each once: one that is there already becomes `a:1`, `a:2`, or the next such
 * name that no column has.
 */
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
