import { resolve } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { commentedDefaults } from '@quantbot/infra/config';
import { createFileDurable, writeFileDurable } from '@quantbot/infra/files';
import { type CommonOptions, print } from '../shared.js';

/** `quantbot-bus init`: writes a bus_config.json with each setting, its default and its purpose. */
export async function initCommand(file: string, options: CommonOptions & { force?: boolean }): Promise<void> {
  const path = resolve(file);
  if (options.force) await writeFileDurable(path, commentedDefaults());
  else if (!(await createFileDurable(path, commentedDefaults())))
    throw daemonError('CONFIG_EXISTS', `${path} already exists.`);
  print(options, { path }, () => `${path} has every setting at its default.\nNext: quantbot-bus start`);
}
