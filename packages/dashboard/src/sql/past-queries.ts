const place = 'quantbot-bus.queries';
const most = 30;

/** The queries that this browser ran, the newest first. */
export function pastQueries(storage: Pick<Storage, 'getItem'> = localStorage): string[] {
  try {
    const found: unknown = JSON.parse(storage.getItem(place) ?? '[]');
    return Array.isArray(found) ? found.filter(text => typeof text === 'string') : [];
  } catch {
    return []; // the browser keeps nothing, or something else wrote there
  }
}

/** Remembers a query as the newest. */
export function rememberQuery(text: string, storage: Pick<Storage, 'getItem' | 'setItem'> = localStorage): string[] {
  const queries = [text, ...pastQueries(storage).filter(past => past !== text)].slice(0, most);
  try {
    storage.setItem(place, JSON.stringify(queries));
  } catch {
    // it is full, or the user forbids it
  }
  return queries;
}
