/** `stratafs completion`: prints the script by which a shell completes our commands. */
import type { Add } from '../terminal/command.js'

export const completionCommand: Add = (parser, outcome) =>
  parser.command(
    'completion <shell>',
    'print the completion script of a shell; installs and packages bring it along',
    (command) =>
      command
        .positional('shell', { choices: ['bash', 'zsh', 'fish'] as const, demandOption: true, describe: 'whose' })
        .example('source <($0 completion bash)', 'in ~/.bashrc; the same for zsh, after compinit')
        .example('$0 completion fish | source', 'in ~/.config/fish/config.fish'),
    async ({ shell }) => {
      const { printPackageFile } = await import('./completion-run.js')
      // scripts/completion.ts writes them.
      outcome.code = printPackageFile(`completions/${shell}`)
    },
  )
