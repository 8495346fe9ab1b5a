import { createServer, type RequestListener } from 'node:http';

/** A web server on loopback that the code under test asks; closed with `close`. */
export async function listenOn(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

const BOUNDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 75];

/** The counters of a DebtFlow API with django_prometheus, as its /metrics page shows them. */
export function fakeMetrics(options: { processStart?: number } = {}) {
  const requests: { view: string; seconds: number; status: number }[] = [];

  function histogram(name: string, labels: string, seconds: number[]): string[] {
    const lines = BOUNDS.map((le) => {
      const count = seconds.filter((value) => value <= le).length;
      return `${name}_bucket{le="${le}"${labels ? `,${labels}` : ''}} ${count}.0`;
    });
    const braces = labels ? `{${labels}}` : '';
    return [
      ...lines,
      `${name}_bucket{le="+Inf"${labels ? `,${labels}` : ''}} ${seconds.length}.0`,
      `${name}_count${braces} ${seconds.length}.0`,
      `${name}_sum${braces} ${seconds.reduce((sum, value) => sum + value, 0)}`,
    ];
  }

  return {
    serve(view: string, seconds: number, times = 1, status = 200) {
      for (let i = 0; i < times; i += 1) requests.push({ view, seconds, status });
    },
    text(): string {
      const views = [...new Set(requests.map(({ view }) => view))];
      const statuses = [...new Set(requests.map(({ status }) => status))];
      const all = 'django_http_requests_latency_including_middlewares_seconds';
      const byView = 'django_http_requests_latency_seconds_by_view_method';
      const counted = (view: string | null, status: number) =>
        requests.filter((r) => (view === null || r.view === view) && r.status === status).length;
      return [
        `# HELP ${all} Histogram of requests processing time (including middleware processing time).`,
        `# TYPE ${all} histogram`,
        ...histogram(
          all,
          '',
          requests.map(({ seconds }) => seconds),
        ),
        `# TYPE ${byView} histogram`,
        ...views.flatMap((view) =>
          histogram(
            byView,
            `method="GET",view="${view}"`,
            requests.filter((r) => r.view === view).map(({ seconds }) => seconds),
          ),
        ),
        ...statuses.map(
          (status) =>
            `django_http_responses_total_by_status_total{status="${status}"} ${counted(null, status)}.0`,
        ),
        ...views.flatMap((view) =>
          statuses.map(
            (status) =>
              `django_http_responses_total_by_status_view_method_total{method="GET",status="${status}",view="${view}"} ${counted(view, status)}.0`,
          ),
        ),
        ...(options.processStart === undefined ? [] : [`process_start_time_seconds ${options.processStart}`]),
        '',
      ].join('\n');
    },
  };
}
