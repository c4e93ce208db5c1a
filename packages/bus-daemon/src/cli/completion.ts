import { ShellCompDirective, script } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { BusCommand } from './bus-command.js';

const { ShellCompDirectiveDefault, ShellCompDirectiveNoFileComp } = ShellCompDirective;

/**
 * Adds `completion SHELL`, which prints a script for the shell, and the hidden command that the
 * script calls at each Tab. Add all other commands first.
 */
export function addCompletion(program: BusCommand): void {
  const root = tab(program, { completionCommandName: 'completion' });
  // Without completions of our own, the shell offers file names, as usual.
  Object.defineProperty(root, 'directive', {
    get: () => (root.completions.length === 0 ? ShellCompDirectiveDefault : ShellCompDirectiveNoFileComp),
    set: () => {},
  });
  const command = program.commands.find(each => each.name() === 'completion') as BusCommand;
  command
    .description('Print the script that completes commands and options in a shell.')
    .explain({
      notes: `Put the line for your shell into its startup file: ~/.bashrc, ~/.zshrc, ~/.config/fish/config.fish, or\nPowerShell's $PROFILE.`,
      examples: [
        'source <(quantbot-bus completion bash)',
        'source <(quantbot-bus completion zsh)',
        'quantbot-bus completion fish | source',
        'quantbot-bus completion powershell | Out-String | Invoke-Expression',
      ],
    })
    .action((shell: string) => {
      const name = program.name();
      if (shell === 'bash') console.log(bashBefore);
      script(shell, name, name);
      if (shell === 'bash') console.log(`complete -o default -F __${name.replaceAll('-', '_')}_complete ${name}`);
    });
}

/** Defines a function of the package bash-completion, which many machines do not have. */
const bashBefore = `if ! declare -F _get_comp_words_by_ref > /dev/null; then
    _get_comp_words_by_ref() {
        cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
    }
fi
`;
