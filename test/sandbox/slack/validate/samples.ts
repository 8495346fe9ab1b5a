/** Small blocks that Slack takes, for tests that change one thing about them. */
export const chars = (length: number) => 'x'.repeat(length);
export const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));
export const plain = (length: number) => ({ type: 'plain_text', text: chars(length) });
export const mrkdwn = (length: number) => ({ type: 'mrkdwn', text: chars(length) });
export const button = (more: object = {}) => ({ type: 'button', text: plain(1), ...more });
export const actions = (...elements: object[]) => ({ type: 'actions', elements });
export const option = (more: object = {}) => ({ text: plain(1), value: 'v', ...more });
export const select = (more: object = {}) => actions({ type: 'static_select', options: [option()], ...more });
export const confirm = (more: object = {}) => ({
  title: plain(1),
  text: plain(1),
  confirm: plain(1),
  deny: plain(1),
  ...more,
});
export const input = (element: object, more: object = {}) => ({
  type: 'input',
  label: plain(1),
  element,
  ...more,
});
export const image = (more: object = {}) => ({
  type: 'image',
  alt_text: 'a',
  image_url: 'https://a.example/b.png',
  ...more,
});
export const raw = (length = 1) => ({ type: 'raw_text', text: chars(length) });
export const table = (rows: object[][]) => ({ type: 'table', rows });
export const dataTable = (rows: object[][], more: object = {}) => ({
  type: 'data_table',
  caption: 'c',
  rows,
  ...more,
});
export const points = (length: number) => list(length, (index) => ({ label: `l${index}`, value: index }));
export const line = (series: number, count = 1, more: object = {}) => ({
  type: 'data_visualization',
  title: 't',
  chart: {
    type: 'line',
    series: list(series, (index) => ({ name: `s${index}`, data: points(count) })),
    axis_config: { categories: points(count).map((one) => one.label) },
  },
  ...more,
});
export const pie = (segments: object[]) => ({
  type: 'data_visualization',
  title: 't',
  chart: { type: 'pie', segments },
});
export const card = (more: object = {}) => ({ type: 'card', title: plain(1), ...more });
export const container = (more: object = {}) => ({
  type: 'container',
  title: plain(1),
  child_blocks: [{ type: 'divider' }],
  ...more,
});
export const rich = (...elements: object[]) => ({ type: 'rich_text', elements });
export const divider = () => ({ type: 'divider' });
