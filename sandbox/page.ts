import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Asset, bundlePage } from './slack/page/bundle.ts';

/** Same origin only, and no inline script or style: what the page shows came partly from outside. */
const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#5b2a86"/><path d="M6 18h5l3-9 5 15 3-6h4" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

/** Bundles the sandbox page once and serves it at `/`. */
export async function registerPage(app: FastifyInstance): Promise<void> {
  const { js, css } = await bundlePage();
  const html = pageHtml(js.hash, css.hash);

  app.get('/', (_request, reply) =>
    reply
      .headers({ ...SECURITY_HEADERS, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(html),
  );
  app.get<{ Querystring: { v?: string } }>('/assets/app.js', (request, reply) =>
    sendAsset(reply, js, 'text/javascript; charset=utf-8', request.query.v),
  );
  app.get<{ Querystring: { v?: string } }>('/assets/app.css', (request, reply) =>
    sendAsset(reply, css, 'text/css; charset=utf-8', request.query.v),
  );
  app.get('/assets/icon.svg', (_request, reply) =>
    reply
      .headers({ ...SECURITY_HEADERS, 'cache-control': 'public, max-age=86400' })
      .type('image/svg+xml')
      .send(ICON),
  );
}

function sendAsset(
  reply: FastifyReply,
  asset: Asset,
  type: string,
  version: string | undefined,
): FastifyReply {
  // Only the address that names this content may be kept for ever.
  const keep = version === asset.hash ? 'public, max-age=31536000, immutable' : 'no-cache';
  return reply
    .headers({ ...SECURITY_HEADERS, 'cache-control': keep, etag: `"${asset.hash}"` })
    .type(type)
    .send(asset.body);
}

function pageHtml(jsHash: string, cssHash: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>Latency Bot sandbox</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/app.css?v=${cssHash}">
<script type="module" src="/assets/app.js?v=${jsHash}"></script>
</head>
<body>
<div id="root"><noscript>The sandbox page needs JavaScript.</noscript></div>
</body>
</html>
`;
}
