/** The parts of the page that share one column on a narrow screen. */
export type Tab = 'channels' | 'chat' | 'thread' | 'debtflow';

const TABS: { tab: Tab; name: string; mark: string }[] = [
  { tab: 'channels', name: 'Channels', mark: '☰' },
  { tab: 'chat', name: 'Chat', mark: '#' },
  { tab: 'thread', name: 'Thread', mark: '↳' },
  { tab: 'debtflow', name: 'DebtFlow', mark: '∿' },
];

/** The bar at the bottom of a narrow screen. */
export function TabBar({ tab, choose, unread }: { tab: Tab; choose: (tab: Tab) => void; unread: number }) {
  return (
    <nav className="tab-bar" aria-label="Parts of the page">
      {TABS.map((one) => (
        <button
          key={one.tab}
          type="button"
          aria-current={tab === one.tab ? 'page' : undefined}
          data-testid={`tab-${one.tab}`}
          onClick={() => choose(one.tab)}
        >
          <span aria-hidden="true" className="tab-mark">
            {one.mark}
          </span>
          {one.name}
          {one.tab === 'channels' && unread > 0 && <span className="badge">{unread}</span>}
        </button>
      ))}
    </nav>
  );
}
