import { configSchema } from './schema.js';

interface Setting {
  default?: unknown;
  description?: string;
  enum?: unknown[];
  properties?: Record<string, Setting>;
  items?: Setting;
  /** An object, or null. */
  anyOf?: Setting[];
  /** The schema of a record's entries; false for an object without further settings. */
  additionalProperties?: Setting | false;
}

/**
 * Returns a `bus_config.json` with every setting at its default, each explained by a comment. It is
 * generated from the schema.
 *
 * @param schemaPath where editors find the JSON Schema, relative to the file.
 */
export const commentedDefaults = (schemaPath?: string): string =>
  `// The configuration of the artifact bus. Every setting has the default that stands here and can be left out; paths are
// relative to this file. More: docs/reference/configuration.md
${blockOf(withSchemaPath(schemaPath), '')}
`;

function withSchemaPath(path: string | undefined): Setting {
  const { properties: { $schema, ...others } = {}, ...rest } = configSchema.toJSONSchema({ io: 'input' }) as Setting;
  return { ...rest, properties: path === undefined ? others : { $schema: { ...$schema, default: path }, ...others } };
}

function blockOf({ properties = {} }: Setting, indent: string): string {
  const inner = `${indent}  `;
  const entries = Object.entries(properties).map(([name, setting]) => {
    const value = setting.properties === undefined ? JSON.stringify(setting.default ?? null) : blockOf(setting, inner);
    return {
      comments: [meaningOf(setting), ...entryComments(setting)],
      text: `${JSON.stringify(name)}: ${value}`,
    };
  });
  const lines = entries.map(({ comments, text }, index) => {
    const comma = index === entries.length - 1 ? '' : ',';
    return [...comments.map(comment => `${inner}// ${comment}`.trimEnd()), `${inner}${text}${comma}`].join('\n');
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/**
 * Returns comments for the settings of optional entries, which the default file does not contain.
 */
function entryComments({ items, additionalProperties, anyOf }: Setting): string[] {
  if (anyOf !== undefined) return listOf('An object', anyOf[0] ?? {});
  return items?.properties === undefined ? listOf('By name, each', additionalProperties || {}) : listOf('Each', items);
}

function listOf(how: string, entry: Setting): string[] {
  const settings = flat(entry);
  if (settings.length === 0) return [];
  const width = Math.max(...settings.map(([name]) => name.length));
  return [
    `${how} with these settings:`,
    ...settings.map(([name, setting]) => {
      const preset = setting.default === undefined ? '' : ` (${JSON.stringify(setting.default)})`;
      return `  ${name.padEnd(width)}  ${meaningOf(setting)}${preset}`;
    }),
  ];
}

/** Settings by their paths. */
const flat = ({ properties = {} }: Setting): [string, Setting][] =>
  Object.entries(properties).flatMap(([name, setting]) =>
    setting.properties === undefined
      ? [[name, setting] as [string, Setting]]
      : flat(setting).map(([below, inner]): [string, Setting] => [`${name}.${below}`, inner]),
  );

const meaningOf = ({ description = '', enum: choices }: Setting): string =>
  choices === undefined ? description : `${description} One of ${choices.join(', ')}.`;
