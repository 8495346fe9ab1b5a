import type { Answer, Deed } from './wire.ts';

/** Sends what a person did; a server that cannot be reached is answered in words, too. */
export async function act(as: string, deed: Deed): Promise<Answer> {
  try {
    const response = await fetch('/sandbox/act', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ as, ...deed }),
    });
    if (response.status >= 500) throw new Error(`the sandbox answered ${response.status}`);
    const answer: Answer = await response.json();
    return answer;
  } catch (error) {
    // A dropped connection, a broken server or an answer that is not JSON: the person has to see it.
    return {
      ok: false,
      error: String(error),
      shown: 'The sandbox did not answer as it should. Is it still running?',
    };
  }
}

/** The words for an answer that is not `ok`, or null. */
export function wordsOf(answer: Answer): string | null {
  return answer.ok ? null : answer.shown || answer.message || 'This app didn’t respond.';
}
