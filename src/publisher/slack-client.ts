import { WebClient, type WebClientOptions } from '@slack/web-api';

/**
 * Options of every Slack client of the bot. No retries inside the client: all calls are POSTs, so a repeated
 * chat.postMessage would appear twice, and a 429 would pause every method. The publisher does both better.
 */
export function slackClientOptions(apiUrl: string): WebClientOptions {
  return {
    slackApiUrl: apiUrl,
    timeout: 10_000,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
  };
}

export function createSlackClient(token: string, apiUrl: string): WebClient {
  return new WebClient(token, slackClientOptions(apiUrl));
}
