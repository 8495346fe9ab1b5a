import { BotError, type ErrorCode } from '../errors.ts';
import type { HostConfig } from './host.ts';
import type { CommandResult } from './host-command.ts';

/** ssh's own failure, as opposed to that of the command. ssh(1), EXIT STATUS */
export const SSH_FAILED = 255;

type SshConfig = NonNullable<HostConfig['ssh']>;

const SAID: [said: RegExp, code: ErrorCode, words: (config: SshConfig) => string][] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|differs from the key|has been revoked/i,
    'target-permission',
    () =>
      'its host key is not the pinned one: either it was reinstalled, or somebody stands in between. Compare the key on the host before you change ssh.knownHostsFile',
  ],
  [
    /Host key verification failed|No \S+ host key is known/i,
    'target-permission',
    () => 'its host key is not in ssh.knownHostsFile: pin it, after comparing it with the key on the host',
  ],
  [
    /UNPROTECTED PRIVATE KEY|bad permissions|invalid format|error in libcrypto/i,
    'config-invalid',
    () => 'ssh.keyFile is not a private key that ssh accepts',
  ],
  [
    /Permission denied|Too many authentication failures/i,
    'target-permission',
    ({ user }) =>
      `it refused the key of ${user}: add it to authorized_keys there, with the forced command of docs/permissions.md`,
  ],
  [
    /Connection refused/i,
    'target-unreachable',
    ({ port }) => `nothing accepts connections at port ${port}: is sshd running?`,
  ],
  [/Could not resolve hostname/i, 'target-unreachable', () => 'its name is not known'],
  [/No route to host|Network is unreachable/i, 'target-unreachable', () => 'there is no network route to it'],
  [
    /timed out|Timeout, server|banner exchange/i,
    'target-timeout',
    () => 'it does not answer: the host, its network or its sshd hangs',
  ],
  [
    /Connection (?:closed|reset)|Broken pipe|mux_client_\w+|control.*closed/i,
    'target-unreachable',
    () => 'it closed the connection in the middle',
  ],
];

/** Why ssh could not do its work, in words; ssh's own text stays in the cause. */
export function connectionError(title: string, config: SshConfig, { stderr }: CommandResult): BotError {
  const cause = new Error(stderr);
  const known = SAID.find(([said]) => said.test(stderr));
  if (known) return new BotError(known[1], `${title}: ${known[2](config)}`, { cause });
  return new BotError('target-unreachable', `${title}: ssh could not reach it`, { cause });
}
