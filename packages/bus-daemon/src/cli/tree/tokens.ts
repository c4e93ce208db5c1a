import { BusCommand, busCommand } from '../bus-command.js';

/** `quantbot-bus token`, without its code. */
export const tokenCommand = (): BusCommand =>
  new BusCommand('token')
    .description('Create, list and revoke the tokens with which other machines reach the server of the daemon.')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand()) as BusCommand;

const createCommand = (): BusCommand =>
  busCommand('create', 'Create a token and print it. It is shown only this time.')
    .argument('<name>', 'a name for people, such as that of the program or person')
    .option('--read', 'it may read everything')
    .option('--submit [producer...]', 'it may submit as these producers; without a name, as any')
    .option('--operate', 'it may retry rejected jobs, and act: aliases, keep marks, forgetting, tables')
    .option('--expires <duration>', 'it ends after this long: 90d, 12h (default: never)')
    .explain({
      notes: `The bus keeps the SHA-256 of the token, in a folder that only the user of the daemon can read; on a cluster, in
the database. Once a token was created, the server answers only those who have one, on a loopback address too. A running
daemon needs no restart.`,
      examples: [
        'quantbot-bus token create notebooks --read',
        'quantbot-bus token create on-call --read --operate --expires 90d',
        'quantbot-bus token create laptop --read --submit baseline simulation',
      ],
    })
    .runs(async () => (await import('../commands/token.js')).tokenCreateCommand);

const listCommand = (): BusCommand =>
  busCommand('list', 'List the tokens: what they may do, when they end, and when they were last used.')
    .explain({ examples: ['quantbot-bus token list', 'quantbot-bus token list --json'] })
    .runs(async () => (await import('../commands/token.js')).tokenListCommand);

const revokeCommand = (): BusCommand =>
  busCommand('revoke', 'Revoke tokens: the server refuses them from the next request on.')
    .argument('<names...>', 'the names of the tokens')
    .explain({
      notes: 'A transfer that is in progress still completes.',
      examples: ['quantbot-bus token revoke notebooks', 'quantbot-bus token revoke notebooks on-call'],
    })
    .runs(async () => (await import('../commands/token.js')).tokenRevokeCommand);
