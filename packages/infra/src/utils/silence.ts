/** Returns the host and the port of a server. */
export function placeOf(root: string): { host: string; port: number } {
  const { hostname, port, protocol } = new URL(root);
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
}

/** Returns the words for a server that gives no answer, with its host, its port and the cause. */
export function silence(root: string, error: Error): string {
  const { host, port } = placeOf(root);
  return `${root} does not answer (host ${host}, port ${port}): ${wordsOf(error)}`;
}

/** `fetch` has the cause of its failure inside, with no message if several addresses failed. */
function wordsOf({ cause, message }: Error): string {
  if (!(cause instanceof Error)) return message;
  return cause.message || (cause as NodeJS.ErrnoException).code || message;
}
