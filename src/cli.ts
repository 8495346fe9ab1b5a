import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { addApprovalCommands } from './cli/approval-commands.ts';
import { diagnoseCommand } from './cli/diagnose.ts';
import { doctorCommand } from './cli/doctor.ts';
import { migrateCommand } from './cli/migrate.ts';
import { ConfigError } from './config/load.ts';
import { BotError } from './errors.ts';
import { startCommand } from './main.ts';

const DEFAULT_FILE = 'latency-bot.yml';

const program = new Command('latency-bot').description(
  'Finds out why the API is slow, and acts only on approval.',
);

program
  .command('start', { isDefault: true })
  .description('start the bot; without a configuration: a workspace in the browser and a DebtFlow to break')
  .option('--config <file>', `configuration file (default: ${DEFAULT_FILE} when it exists)`)
  .option('--state-dir <dir>', 'state of the embedded servers', '.latency-bot')
  .option('--fresh', 'forget all state first', false)
  .action((options: { config?: string; stateDir: string; fresh: boolean }) =>
    startCommand({
      ...options,
      config: options.config ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined),
    }),
  );

program
  .command('diagnose')
  .description(
    'one run of the runbook without Slack; exit code 0 healthy, 10 a cause found, 1 could not run, 2 bad configuration',
  )
  .requiredOption('--config <file>', 'configuration file')
  .requiredOption('--service <id>', 'service to look at')
  .option('--json', 'print one JSON object', false)
  .action((options: { config: string; service: string; json: boolean }) => diagnoseCommand(options));

program
  .command('doctor')
  .description(
    "what the probes will be able to see, with the exact grant or setting where they are not; looks at the services' targets only, not at Slack or the bot's own store; exit code 0 all configured probes work, 1 something required is missing, 2 bad configuration",
  )
  .requiredOption('--config <file>', 'configuration file')
  .option('--service <id>', 'service to examine (default: all of them)')
  .option('--json', 'print one JSON object', false)
  .action((options: { config: string; service?: string; json: boolean }) => doctorCommand(options));

program
  .command('migrate')
  .description("bring the schema of the bot's own database up to date")
  .option('--config <file>', 'configuration file (default: the environment alone)')
  .action((options: { config?: string }) => migrateCommand(options));

addApprovalCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  // A BotError is written for people; anything else is a defect, and then the stack helps.
  const text =
    error instanceof BotError ? error.userMessage : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  if (error instanceof BotError && error.cause instanceof Error)
    process.stderr.write(`  because: ${error.cause.message}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
