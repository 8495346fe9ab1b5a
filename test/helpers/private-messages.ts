import type { SlackMessage, User } from '../e2e/helpers/workspace.ts';

/** What only this person sees, oldest first: the page of the workspace as it opens. */
export async function privateMessages(url: string, as: User): Promise<SlackMessage[]> {
  const page = new AbortController();
  try {
    const response = await fetch(`${url}/sandbox/events?as=${as}`, { signal: page.signal });
    let text = '';
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes('\n\n')) break;
    }
    const opened = JSON.parse(text.split('\n\n')[0]?.replace(/^data: /, '') ?? '') as {
      workspace: { ephemerals: SlackMessage[] };
    };
    return opened.workspace.ephemerals.toSorted((a, b) => Number(a.ts) - Number(b.ts));
  } finally {
    page.abort();
  }
}
