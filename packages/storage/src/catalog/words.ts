import type { Param } from '../duckdb/bind.js';

/** SQL of the texts in which words are looked for, and of the JSON that `meta.name=value` reads. */
interface Searched {
  text: string;
  metaJson?: string;
}

export const artifactWords: Searched = {
  text: "concat_ws(' ', artifact_key, schema_hint, meta_json)",
  metaJson: 'meta_json',
};

export const jobWords: Searched = {
  text: "concat_ws(' ', job_id, run_id, producer, kind, reject_code, reject_error)",
};

export const runWords: Searched = {
  text: "concat_ws(' ', run_id, array_to_string(producers, ' '), array_to_string(kinds, ' '))",
};

/** `meta.strategy=carry`. The path has only characters that need no escape in SQL or JSON paths. */
const field = /^meta\.([\w-]+(?:\.[\w-]+)*)=(.*)$/s;

/**
 * Returns one condition per word: the text contains it, in any case, or the field equals it or is a
 * list with it, such as `"tags": ["nightly", "draft"]`.
 */
export function wordsOf(words: string | undefined, { text, metaJson }: Searched): [string, Param][] {
  const found = (words ?? '').split(/\s+/).filter(word => word !== '');
  return found.map(word => {
    const [, path, value] = field.exec(word) ?? [];
    if (metaJson === undefined || path === undefined || value === undefined)
      return [`contains(lower(${text}), lower(?))`, word];
    const quoted = `$.${path
      .split('.')
      .map(name => `"${name}"`)
      .join('.')}`;
    const [one, all] = [quoted, `${quoted}[*]`].map(place => `json_extract_string(${metaJson}, '${place}')`);
    return [`list_contains(list_append(${all}, ${one}), ?)`, value];
  });
}
