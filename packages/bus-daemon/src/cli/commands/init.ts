import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { openFolders } from '@quantbot/bus-format/state';
import { busLayout, startCommand } from '@quantbot/infra/bus';
import { commentedDefaults, findBusConfig } from '@quantbot/infra/config';
import { createFileDurable, writeFileDurable } from '@quantbot/infra/files';
import { type CommonOptions, print } from '../shared.js';

/** `quantbot-bus init`: writes a bus_config.json with each setting, its default and its purpose. */
export async function initCommand(file: string, options: CommonOptions & { force?: boolean }): Promise<void> {
  const path = resolve(file);
  const text = commentedDefaults(schemaFrom(dirname(path)));
  if (options.force) await writeFileDurable(path, text);
  else if (!(await createFileDurable(path, text))) throw daemonError('CONFIG_EXISTS', `${path} already exists.`);
  const { config } = findBusConfig({ config: path });
  const { inbox, staging } = busLayout(config.busRoot);
  const open = openFolders(config);
  print(options, { path }, () =>
    [
      `${path} has every setting at its default.`,
      `Producers may write to ${inbox} and ${staging}; only the daemon's user may write to the other folders.`,
      ...open.map(folder => `Other users may write to ${folder}. Run \`sudo chmod go-w ${folder}\`.`),
      `Next: ${startCommand}`,
    ].join('\n'),
  );
}

/** Returns the path of the JSON Schema relative to a folder, if it lies below it. */
function schemaFrom(folder: string): string | undefined {
  const schema = createRequire(import.meta.url).resolve('@quantbot/infra/schema/bus-config.schema.json');
  const path = relative(folder, schema);
  return path.startsWith('..') ? undefined : `./${path}`;
}
