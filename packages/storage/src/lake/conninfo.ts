/** How to connect to PostgreSQL, as libpq's keywords and values; the password apart. */
export interface Conninfo {
  text: string;
  password: string | undefined;
}

const form =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?]*)(?:\/(?<dbname>[^?]*))?(?:\?(?<query>.*))?$/;

/**
 * Takes a URL apart. DuckDB shows the text of an attached database to every query, so the password
 * must not be in it.
 *
 * @param defaults what applies where the URL says nothing.
 */
export function conninfoOf(url: string, defaults: Readonly<Record<string, string>>): Conninfo {
  const { user, password: inUrl, hosts = '', dbname, query = '' } = form.exec(url)?.groups ?? {};
  const places = hosts
    .split(',')
    .map(place => /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>\d+))?$/.exec(place)?.groups ?? {});
  const ports = places.map(({ port = '' }) => port);
  const { password = inUrl && decodeURIComponent(inUrl), ...parameters } = Object.fromEntries(
    new URLSearchParams(query),
  );
  const settings: Record<string, string | undefined> = {
    user: user && decodeURIComponent(user),
    host: places.map(({ host = '' }) => decodeURIComponent(host.replace(/^\[|\]$/g, ''))).join(','),
    port: ports.some(port => port !== '') ? ports.join(',') : undefined,
    dbname: dbname && decodeURIComponent(dbname),
    ...defaults,
    ...parameters,
  };
  const known = Object.entries(settings).filter(([, value]) => value !== undefined && value !== '');
  return { text: known.map(([name, value]) => `${name}=${quoted(value as string)}`).join(' '), password };
}

const quoted = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;
