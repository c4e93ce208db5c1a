/** Parses CSV (RFC 4180). An empty field without quotes is NULL. */
export function parseCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  for (let at = 0; at < text.length; ) {
    const field = /"((?:[^"]|"")*)"|([^",\n]*)/y;
    field.lastIndex = at;
    const [all = '', quoted, bare] = field.exec(text) ?? [];
    row.push(quoted !== undefined ? quoted.replaceAll('""', '"') : bare === '' ? null : (bare ?? ''));
    at += all.length;
    if (text[at] === ',') {
      at++;
      if (at === text.length || text[at] === '\n') row.push(null);
    }
    if (at >= text.length || text[at] === '\n') {
      rows.push(row);
      row = [];
      at++;
    }
  }
  return rows;
}
