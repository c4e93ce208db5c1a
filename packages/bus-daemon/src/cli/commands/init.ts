import { resolve } from 'node:path';
import { commentedDefaults, configFileName, createFileDurable, writeFileDurable } from '@quantbot/infra';
import { daemonError } from '../../errors.js';
import { BusCommand } from '../bus-command.js';
import { type CommonOptions, print } from '../shared.js';

/** `quantbot-bus init`: a bus_config.json with every setting at its default, and what it is for. */
export const initCommand = (): BusCommand =>
  new BusCommand('init')
    .description('Write a bus_config.json with every setting, its default, and what it is for in a comment.')
    .argument('[file]', 'where to', configFileName)
    .option('--force', 'also over a file that is there')
    .option('--json', 'print JSON')
    .explain({
      notes: 'There need not be a configuration: without one everything has the default that is written here.',
      examples: ['quantbot-bus init', 'quantbot-bus init /srv/lab/bus_config.json --force'],
    })
    .action(async (file: string, options: CommonOptions & { force?: boolean }) => {
      const path = resolve(file);
      if (options.force) await writeFileDurable(path, commentedDefaults());
      else if (!(await createFileDurable(path, commentedDefaults())))
        throw daemonError('CONFIG_EXISTS', `There is a configuration at ${path} already.`);
      print(options, { path }, () => `${path} has every setting at its default.\nNext: quantbot-bus start`);
    });
