/** What Slack made of typed text, back in plain text: entities, mentions with their names, links. */
export function plainWords(text: string): string {
  return text
    .replace(/<(?:@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!subteam\^[A-Z0-9]+)\|([^>]*)>/g, (mark, name: string) =>
      name === '' ? mark : `${mark[1] === '#' ? '#' : '@'}${name.replace(/^@/, '')}`,
    )
    .replace(/<(https?:[^|>]+)(?:\|[^>]*)?>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** The person that a word mentions; null when it mentions none. */
export function mentionedUser(word: string | undefined): string | null {
  return /^<@([UW][A-Z0-9]{1,30})(?:\|[^>]*)?>[,.]?$/.exec(word ?? '')?.[1] ?? null;
}

/** The words, and the incident that one of them names as `INC-7`. */
export function splitWords(text: string): { words: string[]; incidentId: number | null } {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const at = words.findIndex((word) => /^inc-\d{1,15}$/i.test(word));
  if (at < 0) return { words, incidentId: null };
  const [named = ''] = words.splice(at, 1);
  return { words, incidentId: Number(named.slice(4)) };
}
