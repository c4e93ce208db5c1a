import { configSchema } from './schema.js';

interface Setting {
  default?: unknown;
  description?: string;
  enum?: unknown[];
  properties?: Record<string, Setting>;
  items?: Setting;
  /** Of a record: what each of its entries is; false for an object with no other settings. */
  additionalProperties?: Setting | false;
}

/**
 * A `bus_config.json` with every setting at its default, and what it is for in a comment. Made of
 * the schema, so it is never out of date.
 */
export const commentedDefaults = (): string =>
  `// The configuration of the artifact bus. Every setting has the default that stands here and can be left out; paths are
// relative to this file. More: docs/reference/configuration.md
${blockOf(configSchema.toJSONSchema({ io: 'input' }) as Setting, '')}
`;

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
 * Of a list or a record of things with settings: what each of them may say, since there is none by
 * default.
 */
function entryComments({ items, additionalProperties }: Setting): string[] {
  const [entry, how] =
    items?.properties === undefined ? [additionalProperties || {}, 'By name, each'] : [items, 'Each'];
  const settings = Object.entries(entry.properties ?? {});
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

const meaningOf = ({ description = '', enum: choices }: Setting): string =>
  choices === undefined ? description : `${description} One of ${choices.join(', ')}.`;
