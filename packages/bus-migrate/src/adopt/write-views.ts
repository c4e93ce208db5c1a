import { readFile } from 'node:fs/promises';
import { foldName } from '@quantbot/infra/bus';
import {
  type BusConfig,
  type ConfiguredView,
  parseBusConfig,
  withoutComments,
  withValue,
} from '@quantbot/infra/config';
import { exists, writeFileDurable } from '@quantbot/infra/files';

/**
 * Adds views to `publish.views` of a bus_config.json, and creates the file if needed. Views of the
 * same name are replaced. All else stays, comments included.
 *
 * @returns the new configuration.
 */
export async function writeViews(
  config: BusConfig,
  path: string,
  views: readonly ConfiguredView[],
): Promise<BusConfig> {
  if (views.length === 0) return config;
  const text = (await exists(path)) ? (await readFile(path, 'utf8')).replace(/^\uFEFF/, '') : '{}\n';
  const file = JSON.parse(withoutComments(text)) as { publish?: { views?: ConfiguredView[] } };
  const added = new Set(views.map(({ name }) => foldName(name)));
  const kept = (file.publish?.views ?? []).filter(({ name }) => !added.has(foldName(name)));
  const next = withValue(text, ['publish', 'views'], [...kept, ...views]);
  const parsed = parseBusConfig(next, path); // check before writing that the daemon will accept it
  await writeFileDurable(path, next);
  return parsed;
}
