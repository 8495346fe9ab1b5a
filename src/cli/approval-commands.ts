import type { Command } from 'commander';
import { approvalsCommand, approveCommand, type TerminalOptions } from './approve.ts';
import { auditExportCommand, auditVerifyCommand } from './audit.ts';
import { freezeCommand } from './freeze.ts';

const STATE_DIR = ['--state-dir <dir>', 'state of the embedded servers', '.latency-bot'] as const;

/** The commands for when Slack cannot be reached, and those of the audit log. */
export function addApprovalCommands(program: Command): void {
  atTerminal(
    program,
    'approve <id>',
    'decide on a request without Slack, by the same policy; exit code 0 decided, 4 refused',
  )
    .option('--deny', 'deny it instead', false)
    .action((id: string, options: TerminalOptions & { deny: boolean }) => approveCommand(id, options));
  atTerminal(
    program,
    'freeze [reason...]',
    'stop all changes of all services; exit code 0 frozen, 4 refused',
  ).action((reason: string[], options: TerminalOptions) =>
    freezeCommand('freeze', reason.join(' '), options),
  );
  atTerminal(program, 'unfreeze', 'allow changes again; exit code 0 allowed, 4 refused').action(
    (options: TerminalOptions) => freezeCommand('unfreeze', '', options),
  );
  program
    .command('approvals')
    .description('what waits for an approval')
    .requiredOption('--config <file>', 'configuration file')
    .option(...STATE_DIR)
    .action((options: TerminalOptions) => approvalsCommand(options));

  const audit = program.command('audit').description('the audit log');
  audit
    .command('verify')
    .description('whether the log is whole; exit code 0 intact, 3 broken')
    .option('--config <file>', 'configuration file (default: the environment alone)')
    .option(...STATE_DIR)
    .option('--anchor <head>', 'a head that was noted earlier: proves that the end was not cut off')
    .action((options: Parameters<typeof auditVerifyCommand>[0]) => auditVerifyCommand(options));
  audit
    .command('export')
    .description('write the log to standard output')
    .option('--config <file>', 'configuration file (default: the environment alone)')
    .option(...STATE_DIR)
    .option('--format <format>', 'jsonl or csv', 'jsonl')
    .option('--since <time>', 'only entries from this time on, such as 2026-11-23T00:00:00Z')
    .action((options: Parameters<typeof auditExportCommand>[0]) => auditExportCommand(options));
}

/** A command of somebody who proves with a secret who they are. */
function atTerminal(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(`${description}; the secret is asked for, or taken from LATENCY_BOT_APPROVER_SECRET`)
    .requiredOption('--config <file>', 'configuration file')
    .option('--as <user>', 'Slack user id of whose secret it is')
    .option(...STATE_DIR);
}
