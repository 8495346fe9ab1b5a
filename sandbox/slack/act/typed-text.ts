import { CHANNELS, MEMBERS, USER_GROUPS } from '../identities.ts';

const MENTION = /(<[@#!][A-Za-z0-9^_]+(?:\|[^>]*)?>)/;

/** `&`, `<` and `>` as Slack sends them. */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Names with their mark, the longest first so that no name is taken for the start of another. */
function names(labelled: boolean): [string, string][] {
  const label = (name: string) => (labelled ? `|${name}` : '');
  const all: [string, string][] = [
    ...MEMBERS.flatMap((one): [string, string][] =>
      [one.name, one.realName].map((name) => [`@${name}`, `<@${one.id}${label(one.name)}>`]),
    ),
    ...USER_GROUPS.map((one): [string, string] => [
      `@${one.handle}`,
      `<!subteam^${one.id}${label(`@${one.handle}`)}>`,
    ]),
    ...CHANNELS.filter((one) => !one.directWith).map((one): [string, string] => [
      `#${one.name}`,
      `<#${one.id}|${labelled ? one.name : ''}>`,
    ]),
  ];
  return all.sort((a, b) => b[0].length - a[0].length);
}

function encode(text: string, labelled: boolean, links: boolean): string {
  const parts = text.split(MENTION).map((part, index) => {
    if (index % 2 === 1) return part;
    const linked = links ? escapeText(part).replace(/https?:\/\/[^\s<>]+/g, '<$&>') : escapeText(part);
    return names(labelled).reduce((sum, [name, mark]) => replaceName(sum, name, mark), linked);
  });
  return parts.join('');
}

function replaceName(text: string, name: string, mark: string): string {
  const quoted = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\w<])${quoted}(?![\\w-])`, 'gi'), mark);
}

/** What a person typed into the composer, as the message has it. */
export function messageText(text: string): string {
  return encode(text, false, true);
}

/** What a person typed after a command, for an app with `should_escape`. */
export function escapedCommandText(text: string): string {
  return encode(text, true, false);
}
