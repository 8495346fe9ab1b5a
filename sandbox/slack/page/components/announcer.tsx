import { use, useEffect, useRef, useState } from 'react';
import { PageContext } from './page-context.ts';

/** Tells a screen reader about new messages; updates of old ones would only be noise. */
export function Announcer() {
  const { workspace } = use(PageContext);
  const [words, setWords] = useState('');
  const newest = useRef<string | null>(null);
  const all = [...workspace.messages, ...workspace.ephemerals];
  const last = all.reduce<(typeof all)[number] | null>(
    (best, one) => (best && best.ts > one.ts ? best : one),
    null,
  );

  useEffect(() => {
    if (last && newest.current !== null && last.ts > newest.current && last.user !== workspace.me) {
      const name = workspace.users.find((user) => user.id === last.user)?.realName ?? 'New message';
      setWords(`${name}: ${last.text.slice(0, 200)}`);
    }
    newest.current = last?.ts ?? newest.current ?? '';
  }, [last, workspace]);

  return (
    <div className="hidden" aria-live="polite">
      {words}
    </div>
  );
}
