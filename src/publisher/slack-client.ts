import { LogLevel, WebClient, type WebClientOptions } from '@slack/web-api';

/**
 * Options of every Slack client of the bot. No retries inside the client: all calls are POSTs, so a repeated
 * chat.postMessage would appear twice, and a 429 would pause every method. The publisher does both better.
 */
export function slackClientOptions(apiUrl: string, timeoutMs = 10_000): WebClientOptions {
  return {
    slackApiUrl: apiUrl,
    timeout: timeoutMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    // Every failure reaches its caller, which logs it as one JSON line.
    logLevel: LogLevel.ERROR,
  };
}

/** Asking who somebody is happens while that person waits at most 3 s for an answer. */
export const PEOPLE_TIMEOUT_MS = 1_500;

export function createSlackClient(token: string, apiUrl: string, timeoutMs?: number): WebClient {
  return new WebClient(token, slackClientOptions(apiUrl, timeoutMs));
}
