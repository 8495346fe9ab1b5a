/** A block-like value of any shape, as it goes to Slack. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every string of a payload that a client parses for mentions and links. */
export function mrkdwnOf(payload: unknown): string[] {
  return visit(payload as Json, (node) => (node.type === 'mrkdwn' ? [String(node.text)] : []));
}

/** Every string of a payload. */
export function stringsOf(payload: unknown): string[] {
  const value = payload as Json;
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  return value && typeof value === 'object' ? Object.values(value).flatMap(stringsOf) : [];
}

/** What a person reads, a line a paragraph, list item, field or button. */
export function wordsOf(blocks: unknown): string {
  return (blocks as Json[]).flatMap((block) => lines(block)).join('\n');
}

function lines(node: Json): string[] {
  if (!node || typeof node !== 'object' || Array.isArray(node)) return [];
  const inner = (key: string) => (Array.isArray(node[key]) ? (node[key] as Json[]) : []);
  switch (node.type) {
    case 'divider':
      return ['---'];
    case 'rich_text_section':
    case 'rich_text_preformatted':
      return [inner('elements').map(wordOf).join('')];
    case 'rich_text_list':
      return inner('elements').flatMap((item) => lines(item).map((line) => `- ${line}`));
    case 'actions':
      return [
        inner('elements')
          .map((one) => `[${wordOf(one)}]`)
          .join(' '),
      ];
    case 'data_visualization':
      return [`(chart: ${String(node.title)})`];
    case 'data_table':
      return [`(table: ${String(node.caption)})`, ...inner('rows').map(rowOf)];
    case 'input':
      return [`${wordOf(node.label ?? null)}: ____`];
    case 'header':
      return [`# ${wordOf(node)}`];
    case 'rich_text':
      return inner('elements').flatMap(lines);
    case 'context':
      return inner('elements').map((one) => `(${wordOf(one)})`);
    default:
      return [
        ...inner('fields').map((field) => wordOf(field).replace('\n', ' ')),
        ...(node.text ? [wordOf(node)] : []),
      ];
  }
}

function rowOf(row: Json): string {
  return Array.isArray(row) ? row.map(wordOf).join(' | ') : '';
}

function wordOf(node: Json): string {
  if (typeof node === 'string') return node;
  if (!node || typeof node !== 'object' || Array.isArray(node)) return '';
  if (Array.isArray(node.options)) return `⋮ ${node.options.map(wordOf).join(' · ')}`;
  return wordOf(node.text ?? '');
}

function visit(node: Json, pick: (node: { [key: string]: Json }) => string[]): string[] {
  if (Array.isArray(node)) return node.flatMap((one) => visit(one, pick));
  if (!node || typeof node !== 'object') return [];
  return [...pick(node), ...Object.values(node).flatMap((one) => visit(one, pick))];
}
