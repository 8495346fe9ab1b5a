import type { Workspace } from './wire.ts';

/** One line of the list above the composer. */
export interface Completion {
  text: string;
  hint: string;
  /** The whole composer text after choosing it. */
  completed: string;
}

/** What could be meant by the text so far: a command, one of its sub-commands, or a person after `@`. */
export function completions(text: string, workspace: Workspace, inThread: boolean): Completion[] {
  if (text.startsWith('/') && !inThread) return commandCompletions(text, workspace);
  const mention = /(?:^|\s)@([^@\n]{0,30})$/.exec(text);
  if (!mention) return [];
  const typed = (mention[1] ?? '').toLowerCase();
  return workspace.users
    .filter(
      (user) => user.realName.toLowerCase().startsWith(typed) || user.name.toLowerCase().startsWith(typed),
    )
    .map((user) => ({
      text: `@${user.realName}`,
      hint: user.isBot ? 'app' : user.title,
      completed: `${text.slice(0, text.length - typed.length - 1)}@${user.realName} `,
    }));
}

function commandCompletions(text: string, workspace: Workspace): Completion[] {
  const [word = '', ...rest] = text.split(' ');
  if (rest.length === 0) {
    return workspace.commands
      .filter((command) => command.command.startsWith(word))
      .map((command) => ({
        text: [command.command, command.usage_hint].filter(Boolean).join(' '),
        hint: command.description,
        completed: `${command.command} `,
      }));
  }
  const command = workspace.commands.find((one) => one.command === word);
  const typed = rest.join(' ');
  // “[service] | status | freeze”: what stands in brackets is for the person to fill in.
  return (command?.usage_hint?.replace(/^\[([^\]]*)\]$/, '$1').split('|') ?? [])
    .map((alternative) => alternative.trim())
    .filter(
      (alternative) => /^[a-z]/.test(alternative) && alternative.startsWith(typed) && alternative !== typed,
    )
    .map((alternative) => ({
      text: `${word} ${alternative}`,
      hint: '',
      completed: `${word} ${alternative.split(/\s*[<[{]/)[0] ?? ''}`,
    }));
}
