/** What to type to give a column another type; `$` stands for the column. */
export interface Cast {
  pandas: string;
  polars: string;
  duckdb: string;
  /** What the cast loses, as a sentence; absent if every value stays what it is. */
  loses?: string;
}

/** The kinds of types that are cast alike. */
type Kind = 'integer' | 'float' | 'decimal' | 'text' | 'bytes' | 'boolean' | 'date' | 'local' | 'utc';

/** The names of DuckDB's integers and floats in pandas and polars. */
const numbers: Readonly<Record<string, string>> = {
  TINYINT: 'Int8',
  SMALLINT: 'Int16',
  INTEGER: 'Int32',
  BIGINT: 'Int64',
  UTINYINT: 'UInt8',
  USMALLINT: 'UInt16',
  UINTEGER: 'UInt32',
  UBIGINT: 'UInt64',
  FLOAT: 'Float32',
  DOUBLE: 'Float64',
};

const kinds: Readonly<Record<string, Kind>> = {
  VARCHAR: 'text',
  BLOB: 'bytes',
  BOOLEAN: 'boolean',
  DATE: 'date',
  TIMESTAMP: 'local',
  TIMESTAMP_NS: 'local',
  'TIMESTAMP WITH TIME ZONE': 'utc',
};

/** Returns the kind of a type; undefined for one that no line of the table has. */
function kindOf(type: string): Kind | undefined {
  if (type.startsWith('DECIMAL(')) return 'decimal';
  const number = numbers[type];
  if (number !== undefined) return number.startsWith('Float') ? 'float' : 'integer';
  return kinds[type];
}

/**
 * Returns what to type to give a column of one type another one. Returns undefined if no cast keeps
 * the meaning, or if the types are nested or rare: then DuckDB's CAST is the way.
 */
export function castBetween(from: string, to: string): Cast | undefined {
  const [source, target] = [kindOf(from), kindOf(to)];
  if (source === undefined || target === undefined || from === to) return undefined;
  const cast = toNumber(source, to) ?? toTime(source, to) ?? others[`${source} ${target}`];
  const loses = losesBetween(source, target, from, to);
  return cast && { duckdb: `CAST($ AS ${to})`, ...cast, ...(loses !== undefined && { loses }) };
}

/** DuckDB's own cast is the usual one. */
type Typed = Omit<Cast, 'duckdb'> & { duckdb?: string };

/** Casts to numbers. */
function toNumber(source: Kind, to: string): Typed | undefined {
  const number = numbers[to];
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(to);
  if (!['integer', 'float', 'decimal', 'text', 'boolean'].includes(source)) return undefined;
  if (decimal !== null) {
    if (source === 'boolean') return undefined;
    const [, digits, scale] = decimal;
    return {
      pandas: `$.map(lambda x: round(Decimal(str(x)), ${scale}), na_action="ignore")`,
      polars: `$.cast(pl.Decimal(${digits}, ${scale}))`,
    };
  }
  if (number === undefined) return undefined;
  const isWhole = !number.startsWith('Float');
  const rounded = isWhole && source === 'float' ? '.round()' : '';
  const polars = `$${isWhole && source === 'decimal' ? '.round()' : rounded}.cast(pl.${number})`;
  // By way of text, because pandas holds integers beside a missing value as floats.
  if (source === 'decimal' && isWhole)
    return {
      pandas: `$.map(lambda x: str(round(x)), na_action="ignore").astype("string").astype("${number}")`,
      polars,
    };
  const text = source === 'text' || source === 'decimal' ? '.astype("string")' : '';
  return { pandas: `$${text}${rounded}.astype("${number}")`, polars };
}

/** Casts to dates and timestamps. */
function toTime(source: Kind, to: string): Typed | undefined {
  const unit = to === 'TIMESTAMP_NS' ? 'ns' : 'us';
  const local = `pl.Datetime("${unit}")`;
  switch (`${source} ${to.replace('_NS', '')}`) {
    case 'local TIMESTAMP':
      return { pandas: `$.dt.as_unit("${unit}")`, polars: `$.cast(${local})` };
    case 'utc TIMESTAMP':
      return {
        pandas: `$.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("${unit}")`,
        polars: `$.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(${local})`,
        duckdb: `CAST(timezone('UTC', $) AS ${to})`,
      };
    case 'date TIMESTAMP':
      return { pandas: `pd.to_datetime($).dt.as_unit("${unit}")`, polars: `$.cast(${local})` };
    case 'text TIMESTAMP':
      return { pandas: `pd.to_datetime($).dt.as_unit("${unit}")`, polars: `$.str.to_datetime(time_unit="${unit}")` };
    case 'local TIMESTAMP WITH TIME ZONE':
      return {
        pandas: '$.dt.tz_localize("UTC").dt.as_unit("us")',
        polars: '$.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")',
        duckdb: "timezone('UTC', CAST($ AS TIMESTAMP))",
      };
    case 'local DATE':
      return { pandas: '$.dt.date', polars: '$.dt.date()' };
    case 'text DATE':
      return { pandas: 'pd.to_datetime($).dt.date', polars: '$.str.to_date()' };
    default:
      return undefined;
  }
}

const asText: Typed = { pandas: '$.astype("string")', polars: '$.cast(pl.String)' };

const others: Readonly<Record<string, Typed>> = {
  'integer text': asText,
  'float text': asText,
  'decimal text': asText,
  'boolean text': asText,
  'date text': asText,
  'local text': asText,
  'bytes text': { pandas: '$.str.decode("utf-8")', polars: '$.cast(pl.String)', duckdb: 'decode($)' },
  'text bytes': { pandas: '$.str.encode("utf-8")', polars: '$.cast(pl.Binary)', duckdb: 'encode($)' },
  'integer boolean': { pandas: '$.astype("boolean")', polars: '$.cast(pl.Boolean)' },
};

function losesBetween(source: Kind, target: Kind, from: string, to: string): string | undefined {
  if (from === 'TIMESTAMP_NS' && source !== target) return target === 'date' ? 'The time of day is lost.' : undefined;
  if (from === 'TIMESTAMP_NS') return 'Nanoseconds are lost.';
  if (target === 'date' && source === 'local') return 'The time of day is lost.';
  if (target === 'integer' && (source === 'float' || source === 'decimal')) return 'Fractions are rounded.';
  if (target === 'float' && source === 'integer') return 'Digits beyond 2^53 are lost.';
  if (target === 'float' && source === 'decimal') return 'The nearest float is kept.';
  if (target === 'float' && from === 'DOUBLE' && to === 'FLOAT') return 'The nearest float is kept.';
  if (target === 'decimal' && (source === 'float' || source === 'decimal')) return 'Further digits are rounded.';
  return undefined;
}
