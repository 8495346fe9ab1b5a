import { WebAPIPlatformError } from '@slack/web-api';

/** Errors that stay until somebody changes the token or the app; everything else may pass by itself. */
const FINAL = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'user_removed_from_team',
  'team_disabled',
  'missing_scope',
]);

/** Slack's word for why a token will never do, or null when trying again may help. */
export function refusalOfToken(error: unknown, alsoFinal: string[] = []): string | null {
  if (!(error instanceof WebAPIPlatformError)) return null;
  const word = error.data.error;
  return FINAL.has(word) || alsoFinal.includes(word) ? word : null;
}

/** The same as a sentence that says what to mend, with the scope that is missing where Slack names it. */
export function refusalWords(error: unknown): string | null {
  const refusal = refusalOfToken(error);
  if (refusal === null) return null;
  const needed = error instanceof WebAPIPlatformError && 'needed' in error.data ? error.data.needed : null;
  if (refusal === 'missing_scope') {
    const scope = typeof needed === 'string' ? needed : 'one of manifest.yml';
    return `the Slack app lacks the scope ${scope}; add it and reinstall the app`;
  }
  return `Slack refuses the bot token (${refusal}); check SLACK_BOT_TOKEN and reinstall the app`;
}
